import { Matrix, pseudoInverse, QrDecomposition } from 'ml-matrix';
import { errorFunction, mean, sampleStandardDeviation } from 'simple-statistics';
import type { ResampledMedians } from './bootstrap.ts';
import { interval } from './interval.ts';

/** One coefficient of a model. */
export interface Coefficient {
  readonly value: number;
  /** Its 95% interval, by resampling. */
  readonly low: number;
  readonly high: number;
  /** How likely one so far from 0 is when there is none; two-sided, after the spread of the resampled ones. */
  readonly p: number;
}

/** A model that was laid through observations. */
export interface Fit {
  readonly coefficients: readonly Coefficient[];
  /** Observation less model, by observation. */
  readonly residuals: readonly number[];
  /** The part of the variance that the model explains, 0 to 1. */
  readonly rSquared: number;
}

/** Whether every column of a design can be told from all others. */
export const isEstimable = (design: readonly (readonly number[])[]): boolean => {
  const [first] = design;
  if (first === undefined || design.length < first.length) return false;
  return new QrDecomposition(new Matrix(design.map((row) => [...row]))).isFullRank();
};

/** How likely a value so far from 0 is when there is none, after its spread; two-sided. */
export const probability = (value: number, spread: number): number =>
  spread === 0 ? (value === 0 ? 1 : 0) : 1 - errorFunction(Math.abs(value) / (spread * Math.SQRT2));

/**
 * Fits a linear model by ordinary least squares.
 *
 * @param design - a row for each observation; must be estimable
 * @param observed - by row
 * @param resampled - other draws of the same observations, all by the same rounds; gives the intervals
 */
export const leastSquares = (
  design: readonly (readonly number[])[],
  observed: readonly number[],
  resampled: readonly ResampledMedians[],
): Fit => {
  const x = new Matrix(design.map((row) => [...row]));
  const solve = pseudoInverse(x);
  const coefficients = solve.mmul(Matrix.columnVector([...observed])).to1DArray();
  const draws = resampled[0]?.length ?? 0;
  const y = Matrix.zeros(observed.length, draws);
  for (const [row, medians] of resampled.entries()) for (let k = 0; k < draws; k += 1) y.set(row, k, medians[k] ?? 0);
  const drawn = solve.mmul(y);
  const modelled = x.mmul(Matrix.columnVector(coefficients)).to1DArray();
  const residuals = observed.map((value, row) => value - (modelled[row] ?? 0));
  const average = mean([...observed]);
  const sumOfSquares = (values: readonly number[]): number => values.reduce((sum, value) => sum + value ** 2, 0);
  const all = sumOfSquares(observed.map((value) => value - average));
  return {
    coefficients: coefficients.map((value, index) => {
      const row = drawn.getRow(index);
      return { value, ...interval(row), p: probability(value, sampleStandardDeviation(row)) };
    }),
    residuals,
    rSquared: all === 0 ? 1 : 1 - sumOfSquares(residuals) / all,
  };
};

import ansis, { Ansis } from 'ansis';

/** What the report writes to: a stream, as far as looks go. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Where text is coloured, and how wide it may be. */
export interface Look {
  readonly paint: Ansis;
  readonly width: number;
}

/**
 * Decides on looks.
 *
 * @remarks Without a terminal there is no colour, unless FORCE_COLOR asks for it, and no limit to the width.
 */
export const lookOf = ({ isTTY, columns }: Screen, env: Readonly<NodeJS.ProcessEnv>): Look => {
  const coloured = isTTY === true || env['FORCE_COLOR'] !== undefined;
  return {
    paint: new Ansis(coloured ? ansis.level : 0),
    width: isTTY === true && columns !== undefined && columns > 0 ? columns : Number.POSITIVE_INFINITY,
  };
};

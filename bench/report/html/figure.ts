import { escapeHtml } from './escape.ts';

/** What a figure is drawn at: for a screen, and for a phone. */
const WIDTHS = { wide: 860, narrow: 360 } as const;

/** What the plotting library gives: an element of some document. */
export interface Drawing {
  readonly outerHTML: string;
  setAttribute(name: string, value: string): void;
}

/** A figure that can be drawn at any width. */
export interface Figure {
  readonly title: string;
  /** What there is to see, in a sentence. */
  readonly caption: string;
  readonly draw: (width: number) => Drawing;
}

/** A figure as HTML: drawn twice, of which the style sheet shows the one that fits. */
export const figureHtml = ({ title, caption, draw }: Figure): string => {
  const pictures = Object.entries(WIDTHS).map(([name, width]) => {
    const svg = draw(width);
    svg.setAttribute('role', 'img');
    svg.setAttribute('aria-label', title);
    return `<div class="${name}">${svg.outerHTML}</div>`;
  });
  return `<figure><h3>${escapeHtml(title)}</h3>${pictures.join('')}<figcaption>${escapeHtml(caption)}</figcaption></figure>`;
};

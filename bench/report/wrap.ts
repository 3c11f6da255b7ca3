/**
 * Breaks a line between words where the terminal ends.
 *
 * @param text - one line
 * @param width - columns of the terminal
 * @param indent - columns by which all lines but the first are moved in
 */
export const wrap = (text: string, width: number, indent: number): string => {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = `${' '.repeat(indent)}${word}`;
    } else line = lines.length === 0 && line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].join('\n');
};

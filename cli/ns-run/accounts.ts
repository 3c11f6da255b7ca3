import { readFileSync } from 'node:fs';

/** Finds the id of a name in a file of lines `name:password:id:...`; null when it is not there. */
const find = (file: string, wanted: string): number | null => {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    // A machine without the file has no names.
    return null;
  }
  for (const line of text.split('\n')) {
    const [name, , id] = line.split(':');
    if (name === wanted && id !== undefined && /^\d+$/.test(id)) return Number(id);
  }
  return null;
};

/** The uid of a user by passwd(5); network directories are not asked. */
export const findUser = (name: string): number | null => find('/etc/passwd', name);

/** The gid of a group by group(5); network directories are not asked. */
export const findGroup = (name: string): number | null => find('/etc/group', name);

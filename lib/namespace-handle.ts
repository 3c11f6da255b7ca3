import { closeSync, fstatSync } from 'node:fs';
import type { NamespaceType } from './namespace.ts';

/**
 * A namespace that is held by an open file, and lives as long as that, whoever leaves it.
 *
 * @remarks Two handles mean the same namespace when device and inode are equal, whatever paths they came by.
 * @see namespaces(7), ioctl_ns(2)
 */
export class NamespaceHandle implements Disposable {
  readonly type: NamespaceType;
  /** The device of nsfs. */
  readonly device: number;
  /** The number in the links of /proc/PID/ns. */
  readonly inode: number;
  readonly #readId: (fd: number) => bigint | null;
  #fd: number;
  #id: bigint | null = null;

  /** @internal */
  constructor(type: NamespaceType, fd: number, readId: (fd: number) => bigint | null) {
    const { dev, ino } = fstatSync(fd);
    this.type = type;
    this.device = dev;
    this.inode = ino;
    this.#readId = readId;
    this.#fd = fd;
  }

  /**
   * Never another namespace's while this machine runs, unlike the inode: since Linux 6.18 (`mnt`: 6.8). null before, and
   * with the shell backend; asked when it is first looked at, with the handle open.
   */
  get id(): bigint | null {
    if (this.#id === null && this.#fd >= 0) this.#id = this.#readId(this.#fd);
    return this.#id;
  }

  /** The open file, which stays this handle's; -1 once it has been closed. */
  get fd(): number {
    return this.#fd;
  }

  /** Whether both mean the same namespace. */
  equals(other: { readonly device: number; readonly inode: number }): boolean {
    return this.device === other.device && this.inode === other.inode;
  }

  /** Lets go of the namespace. May be called more than once. */
  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }

  /** The same as {@link NamespaceHandle.close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** The link's text: `net:[4026531840]`. */
  toString(): string {
    return `${this.type}:[${this.inode}]`;
  }
}

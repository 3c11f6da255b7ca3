/** What the kernel says of the processor's flaws, each once, by the names of its files. */
export interface Mitigations {
  readonly mitigated: readonly string[];
  readonly vulnerable: readonly string[];
  readonly notAffected: readonly string[];
  /** What reads like none of these. */
  readonly unknown: readonly string[];
}

/**
 * Sorts the lines of /sys/devices/system/cpu/vulnerabilities.
 *
 * @param lines - what stands in each file, by its name
 * @see Documentation/ABI/testing/sysfs-devices-system-cpu of Linux
 */
export const readMitigations = (lines: ReadonlyMap<string, string>): Mitigations => {
  const named = (wanted: (text: string) => boolean): readonly string[] =>
    [...lines]
      .filter(([, text]) => wanted(text))
      .map(([name]) => name)
      .sort();
  const notAffected = (text: string): boolean => text.startsWith('Not affected');
  const vulnerable = (text: string): boolean => /^(KVM: )?(Vulnerable|Processor vulnerable)/.test(text);
  const mitigated = (text: string): boolean => /^(KVM: )?Mitigation/.test(text);
  return {
    mitigated: named(mitigated),
    vulnerable: named(vulnerable),
    notAffected: named(notAffected),
    unknown: named((text) => !notAffected(text) && !vulnerable(text) && !mitigated(text)),
  };
};

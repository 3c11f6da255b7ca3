import { readFileSync } from 'node:fs';
import { err, type Result } from 'neverthrow';
import type { Backend, Masquerade } from '../backend.ts';
import { type BackendUnavailable, type SetupFailed, type Unsupported, unsupported } from '../errors.ts';
import type { CallerMasquerade } from '../network.ts';

const FORWARDING = { 4: 'net.ipv4.ip_forward', 6: 'net.ipv6.conf.all.forwarding' } as const;

const isOn = (setting: string): boolean => {
  try {
    return readFileSync(`/proc/sys/${setting.replaceAll('.', '/')}`, 'utf8').trim() !== '0';
  } catch {
    return false;
  }
};

/** Masquerades in the calling thread's own network, when that forwards: to make it do so is not for us to decide. */
export const masqueradeIn = (
  backend: Backend,
  plan: CallerMasquerade,
): Result<Masquerade, SetupFailed | Unsupported | BackendUnavailable> => {
  const what = "masquerade in the caller's network";
  if (backend.masquerade === undefined) return err(unsupported(backend.name, what, 'the ffi backend'));
  const off = plan.families.map((family) => FORWARDING[family]).find((setting) => !isOn(setting));
  return off === undefined
    ? backend.masquerade(plan)
    : err(unsupported(backend.name, what, `forwarding to be on there: "sysctl -w ${off}=1"`));
};

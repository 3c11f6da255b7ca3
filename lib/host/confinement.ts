import { ENVIRONMENT, type Evidence } from './evidence.ts';

/** What surrounds the caller. */
export type Confined = 'flatpak' | 'snap' | 'lxc' | 'container' | 'service' | 'nothing known';

/** The files and variables by which each gives itself away; looked at in this order. */
export const MARKS = {
  flatpak: '/.flatpak-info',
  docker: '/.dockerenv',
  podman: '/run/.containerenv',
  manager: '/run/host/container-manager',
  variable: `${ENVIRONMENT}container`,
  kubernetes: `${ENVIRONMENT}KUBERNETES_SERVICE_HOST`,
  label: '/proc/self/attr/current',
  cgroup: '/proc/self/cgroup',
} as const;

/** Tells what surrounds the caller, from the marks that it leaves. */
export const confinement = (evidence: Evidence): Confined => {
  const { read } = evidence;
  const label = read(MARKS.label) ?? '';
  const manager = read(MARKS.manager) ?? read(MARKS.variable) ?? '';
  const cgroup = read(MARKS.cgroup) ?? '';
  const isThere = (source: string): boolean => typeof read(source) === 'string';
  if (isThere(MARKS.flatpak) || manager === 'flatpak') return 'flatpak';
  if (label.startsWith('snap.')) return 'snap';
  if (/^(?:lxc|lxd|incus)/.test(manager) || /^(?:lxc|lxd|incus)-/.test(label)) return 'lxc';
  if (manager !== '' || isThere(MARKS.docker) || isThere(MARKS.podman) || isThere(MARKS.kubernetes)) return 'container';
  if (/^docker-default|:container_t:|^cri-containerd/.test(label)) return 'container';
  if (/\/(?:docker|kubepods|libpod|containerd|crio)[-/.]/.test(cgroup)) return 'container';
  if (/\/[^/\n]+\.service(?:\/|$)/m.test(cgroup)) return 'service';
  return 'nothing known';
};

/** Whether the host is another machine's business: what is set there cannot be changed from here. */
export const isInContainer = (confined: Confined): boolean => confined !== 'service' && confined !== 'nothing known';

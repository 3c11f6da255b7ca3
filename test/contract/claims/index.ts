import type { Claim } from '../claim.ts';
import { argumentLists } from './arguments.ts';
import { cgroups } from './cgroups.ts';
import { cleaningUp } from './cleaning-up.ts';
import { clocks } from './clocks.ts';
import { credentials } from './credentials.ts';
import { entering } from './entering.ts';
import { enteringAndMaking } from './entering-and-making.ts';
import { enteringAs } from './entering-as.ts';
import { environment } from './environment.ts';
import { execErrors } from './exec-errors.ts';
import { exitStatuses } from './exit-statuses.ts';
import { failures } from './failures.ts';
import { foundingArticle } from './founding-article.ts';
import { idMaps } from './id-maps.ts';
import { inits } from './inits.ts';
import { interprocess } from './interprocess.ts';
import { limits } from './limits.ts';
import { mountKinds } from './mount-kinds.ts';
import { mountList } from './mount-list.ts';
import { mounts } from './mounts.ts';
import { namespaces } from './namespaces.ts';
import { networks } from './networks.ts';
import { options } from './options.ts';
import { processes } from './processes.ts';
import { ptys } from './ptys.ts';
import { roots } from './roots.ts';
import { sharedMemory } from './shared-memory.ts';
import { signals } from './signals.ts';
import { stdio } from './stdio.ts';
import { stopping } from './stopping.ts';
import { utsNames } from './uts-names.ts';

/** Every claim, by room. */
export const CLAIMS = {
  namespaces,
  idMaps,
  credentials,
  processes,
  clocks,
  cgroups,
  mounts,
  mountList,
  mountKinds,
  roots,
  utsNames,
  networks,
  stdio,
  environment,
  argumentLists,
  execErrors,
  exitStatuses,
  inits,
  ptys,
  signals,
  stopping,
  limits,
  cleaningUp,
  entering,
  enteringAs,
  enteringAndMaking,
  interprocess,
  sharedMemory,
  foundingArticle,
  failures,
  options,
} as const satisfies Readonly<Record<string, readonly Claim[]>>;

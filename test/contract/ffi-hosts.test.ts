import { contract } from './on-backend.ts';

// The hosts that are fallen back to where the first one is refused.
await contract('ffi', 'user', 'file');
await contract('ffi', 'root', 'straight');
await contract('ffi', 'user', 'straight');

import { contract } from './on-backend.ts';

// A host that is fallen back to where the first one is refused.
await contract('ffi', 'user', 'file');

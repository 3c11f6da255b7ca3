import { contract } from './on-backend.ts';

await contract('ffi', 'user');

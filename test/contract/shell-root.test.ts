import { contract } from './on-backend.ts';

await contract('shell', 'root');

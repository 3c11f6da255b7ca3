// A NamespaceWorker's module: serves on the port that all of them have, and asks itself.
import http from 'node:http';
import { hostname } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';

const { requests } = workerData as { readonly requests: number };
const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });

const ask = (): Promise<string> =>
  new Promise((resolve, reject) => {
    http
      .get({ host: '127.0.0.1', port: 8080, agent }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        response.on('end', () => resolve(text));
      })
      .on('error', reject);
  });

http
  .createServer((_, response) => response.end(hostname()))
  .listen(8080, '127.0.0.1', async () => {
    const answers: Record<string, number> = {};
    for (let asked = 0; asked < requests; ) {
      const some = await Promise.all(Array.from({ length: Math.min(4, requests - asked) }, ask));
      for (const answer of some) answers[answer] = (answers[answer] ?? 0) + 1;
      asked += some.length;
    }
    parentPort?.postMessage(answers);
  });

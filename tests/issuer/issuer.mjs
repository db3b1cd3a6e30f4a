// A real OpenID provider that signs tokens with the keys it is told to: node issuer.mjs PORT DIRECTORY.
// DIRECTORY is where tests/install.sh put its packages. `POST /keys?ids=b,a` publishes these keys; the first one signs.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

const [port, directory] = process.argv.slice(2);
const { default: Provider } = await import(createRequire(`${directory}/`).resolve('oidc-provider'));
const issuer = `http://127.0.0.1:${port}`;

const made = new Map();
function key(id) {
  if (!made.has(id)) {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    made.set(id, { ...privateKey.export({ format: 'jwk' }), kid: id, alg: 'RS256', use: 'sig' });
  }
  return made.get(id);
}

function publish(ids) {
  return new Provider(issuer, {
    clients: [{
      client_id: 'probe', client_secret: 'a-client-secret-of-this-test', grant_types: ['client_credentials'],
      redirect_uris: [], response_types: [],
    }],
    jwks: { keys: ids.map(key) },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => 'urn:api',
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: 'api', audience: 'urn:api', accessTokenFormat: 'jwt', accessTokenTTL: 900, jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  }).callback();
}

let provider = publish(['a']);
createServer((request, response) => {
  const url = new URL(request.url, issuer);
  if (request.method === 'POST' && url.pathname === '/keys') {
    provider = publish(url.searchParams.get('ids').split(','));
    response.end('{}');
  } else {
    provider(request, response);
  }
}).listen(Number(port), '127.0.0.1');

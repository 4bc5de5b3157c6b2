// What a command needs of a host's side: no server, no workers.
export { openAgentParts, type AgentParts } from './agent-parts.js';
export { useLocalS3Credentials } from './local-s3.js';
export { checkPatterns, externalReaders, readerOptions } from './reader-options.js';

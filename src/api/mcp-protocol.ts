// How MCP is spoken, without the HTTP server: for a program that speaks it over another transport.
export { answerBatch, answerMessage, PARSE_ERROR, rpcFault, type RpcOptions } from './mcp-rpc.js';
export { rulesOf, toolbox, type Tool, type Toolbox, type ToolAnswer } from './mcp-toolbox.js';

// Sends one message of so many bytes over a WebSocket before it says who it is, and prints the code with which the gateway closes.
//
//   node shout.js ws://127.0.0.1:4100/graphql BYTES
import WebSocket from 'ws';

const [url, bytes] = process.argv.slice(2);
const socket = new WebSocket(url, 'graphql-transport-ws');
socket.on('open', () => socket.send('x'.repeat(Number(bytes))));
socket.on('close', (code) => console.log(JSON.stringify(code)));

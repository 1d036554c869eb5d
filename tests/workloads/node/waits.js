// A server that waits for what never comes, and a file that is read by the pool now and then: prints `ready`.
'use strict';
const fs = require('fs');
require('net').createServer(() => {}).listen(0, '127.0.0.1', () => console.log('ready'));
function look() {
  fs.readFile(__filename, () => setTimeout(look, 50));
}
look();

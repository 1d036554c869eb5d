// Fastify: a function, a coroutine and a method. fastify_app.js PORT
const fastify = require("fastify")();
const spent = {home: 0, cart: 0, pay: 0};

function burn(name) {
  const start = process.cpuUsage();
  let used = 0, total = 0;
  while (used < 5000) {
    for (let i = 0; i < 2000; i++) total += i * i;
    const now = process.cpuUsage(start);
    used = now.user + now.system;
  }
  spent[name] += used / 1e6;
  return name;
}

class Shop {
  pay() { return burn("pay"); }
}
const shop = new Shop();

fastify.get("/home", function home(request, reply) { reply.send(burn("home")); });
fastify.get("/cart", async function cart() { return burn("cart"); });
fastify.get("/pay", (request, reply) => { reply.send(shop.pay()); });
fastify.get("/spent", async () => spent);
fastify.listen({port: Number(process.argv[2]), host: "127.0.0.1"});

// ioredis: the client that queues what is sent while it is not connected, and resends it.
'use strict';
const Redis = require('ioredis');
const { port, equal, assert, attempt, play, bytes, sleep, until, errorOf, restart } = require('./scenario');

const connect = (options) => {
    const client = new Redis({ host: '127.0.0.1', port, ...options });
    client.on('error', () => {}); // that there is no server for a while is seen by what comes after
    return client;
};
let redis;

async function begin() {
    redis = connect({ db: 3, connectionName: 'scenario' });
    equal(await redis.ping(), 'PONG');
    equal(await redis.client('GETNAME'), 'scenario');
    const list = await redis.client('LIST');
    assert(list.includes('name=scenario') && list.includes(' db=3 '), list);
    const info = await redis.info();
    assert(/^redis_version:\d+\.\d+\.\d+\r$/m.test(info) && /^loading:0\r$/m.test(info), info);
    assert(/^redis_version:/m.test(await redis.info('server')));
}

attempt('strings', async () => {
    equal(await redis.set('s', 'one'), 'OK');
    equal(await redis.get('s'), 'one');
    equal(await redis.get('none'), null);
    equal(await redis.set('s', 'two', 'EX', 100, 'NX'), null);
    equal(await redis.set('s', 'two', 'EX', 100, 'GET'), 'one');
    equal(await redis.append('s', '!'), 4);
    equal(await redis.incrby('n', 5), 5);
    equal(await redis.incrbyfloat('n', '0.5'), '5.5');
    equal(await redis.mset({ a: '1', b: '2' }), 'OK');
    equal(await redis.mget('a', 'none', 'b'), ['1', null, '2']);
    equal(await redis.setbit('bits', 7, 1), 0);
    equal(await redis.bitcount('bits'), 1);
    equal(await redis.getrange('s', 0, 1), 'tw');
    equal(await redis.getdel('s'), 'two!');
    equal(await redis.pfadd('hll', 'a', 'b'), 1);
    equal(await redis.pfcount('hll'), 2);
});

attempt('hashes', async () => {
    equal(await redis.hset('h', { f: 'v', g: '2' }), 2);
    equal(await redis.hgetall('h'), { f: 'v', g: '2' });
    equal(await redis.hgetall('none'), {});
    equal(await redis.hincrby('h', 'g', 3), 5);
    equal(await redis.hmget('h', 'f', 'x'), ['v', null]);
    equal((await redis.hkeys('h')).sort(), ['f', 'g']);
    equal(await redis.hdel('h', 'f', 'x'), 1);
});

attempt('lists', async () => {
    equal(await redis.rpush('l', 'a', 'b', 'c'), 3);
    equal(await redis.lrange('l', 0, -1), ['a', 'b', 'c']);
    equal(await redis.lpos('l', 'c'), 2);
    equal(await redis.linsert('l', 'BEFORE', 'b', 'x'), 4);
    equal(await redis.lmove('l', 'm', 'LEFT', 'RIGHT'), 'a');
    equal(await redis.lpop('l', 2), ['x', 'b']);
});

attempt('sets', async () => {
    equal(await redis.sadd('set', 'a', 'b', 'c'), 3);
    equal(await redis.sismember('set', 'a'), 1);
    equal(await redis.smismember('set', 'a', 'z'), [1, 0]);
    equal(await redis.sadd('other', 'b', 'c', 'd'), 3);
    equal((await redis.sinter('set', 'other')).sort(), ['b', 'c']);
    equal(await redis.scard('set'), 3);
});

attempt('sorted sets', async () => {
    equal(await redis.zadd('z', 1, 'a', 2.5, 'b', '-inf', 'c'), 3);
    equal(await redis.zrange('z', 0, -1, 'WITHSCORES'), ['c', '-inf', 'a', '1', 'b', '2.5']);
    equal(await redis.zrangebyscore('z', '(1', '+inf'), ['b']);
    equal(await redis.zincrby('z', 2, 'a'), '3');
    equal(await redis.zrank('z', 'a'), 2);
    equal(await redis.zpopmin('z'), ['c', '-inf']);
    equal(await redis.geoadd('geo', 13.361389, 38.115556, 'Palermo', 15.087269, 37.502669, 'Catania'), 2);
    equal(await redis.geodist('geo', 'Palermo', 'Catania', 'km'), '166.2742');
});

attempt('streams with groups', async () => {
    equal(await redis.xadd('x', '1-1', 'f', 'v'), '1-1');
    equal(await redis.xadd('x', '1-2', 'f', 'w'), '1-2');
    equal(await redis.xgroup('CREATE', 'x', 'g', '0'), 'OK');
    equal(await redis.xreadgroup('GROUP', 'g', 'me', 'COUNT', 1, 'STREAMS', 'x', '>'), [['x', [['1-1', ['f', 'v']]]]]);
    equal(await redis.xpending('x', 'g'), [1, '1-1', '1-1', [['me', '1']]]);
    equal(await redis.xack('x', 'g', '1-1'), 1);
    equal(await redis.xrange('x', '-', '+', 'COUNT', 1), [['1-1', ['f', 'v']]]);
    const waiter = connect({ db: 3 });
    const got = waiter.xread('BLOCK', 10000, 'STREAMS', 'x', '$');
    await until(async () => /^blocked_clients:1\r$/m.test(await redis.info('clients')));
    await redis.xadd('x', '2-0', 'f', 'late');
    equal(await got, [['x', [['2-0', ['f', 'late']]]]]);
    waiter.disconnect();
});

attempt('pipelines', async () => {
    const results = await redis.pipeline().set('p', '1').incr('p').lpush('p', 'x').get('p').exec();
    equal(results.map(([e, v]) => (e ? e.message.split(' ')[0] : v)), ['OK', 2, 'WRONGTYPE', '2']);
    const many = redis.pipeline();
    for (let i = 0; i < 5000; i++) many.set(`many:${i}`, i);
    equal((await many.exec()).filter(([e, v]) => e || v !== 'OK').length, 0);
    const auto = connect({ db: 3, enableAutoPipelining: true });
    equal(await Promise.all([auto.get('many:1'), auto.get('many:4999'), auto.get('many:5000')]), ['1', '4999', null]);
    auto.disconnect();
});

attempt('blocking pops', async () => {
    const waiter = connect({ db: 3 });
    equal(await waiter.blpop('q', 0.01), null);
    const got = waiter.blpop('none', 'q', 0);
    await until(async () => /^blocked_clients:1\r$/m.test(await redis.info('clients')));
    equal(await redis.rpush('q', 'job'), 1);
    equal(await got, ['q', 'job']);
    const z = waiter.bzpopmin('zq', 0);
    await redis.zadd('zq', 7, 'm');
    equal(await z, ['zq', 'm', '7']);
    const moved = waiter.blmove('q', 'r', 'LEFT', 'LEFT', 0);
    await redis.rpush('q', 'next');
    equal(await moved, 'next');
    waiter.disconnect();
});

attempt('scan', async () => {
    const seen = new Set();
    for await (const keys of redis.scanStream({ match: 'many:*', count: 300 })) keys.forEach((k) => seen.add(k));
    equal(seen.size, 5000);
    const fields = {};
    for (let i = 0; i < 1000; i++) fields[`f${i}`] = `v${i}`;
    await redis.hset('big', fields);
    const back = {};
    for await (const part of redis.hscanStream('big')) for (let i = 0; i < part.length; i += 2) back[part[i]] = part[i + 1];
    equal(back, fields);
    equal(await redis.unlink([...seen]), 5000);
});

attempt('expiry', async () => {
    await redis.set('e', 'v', 'PX', 30);
    assert((await redis.pttl('e')) <= 30);
    await until(async () => (await redis.get('e')) === null);
    await redis.set('e', 'v');
    equal(await redis.ttl('e'), -1);
    equal(await redis.expire('e', 100), 1);
    equal(await redis.ttl('e'), 100);
    equal(await redis.persist('e'), 1);
    equal(await redis.ttl('none'), -2);
});

attempt('multi', async () => {
    await redis.set('t', '1');
    equal(await redis.multi().incr('t').get('t').hset('t', 'f', 'v').exec().then((r) => r.map(([e, v]) => (e ? e.message.split(' ')[0] : v))),
        [2, '2', 'WRONGTYPE']);
    equal(await redis.multi({ pipeline: false }), 'OK');
    equal(await redis.incr('t'), 'QUEUED');
    equal(await redis.exec(), [[null, 3]]);
    await redis.multi({ pipeline: false });
    await redis.incr('t');
    equal(await redis.discard(), 'OK');
    equal(await redis.get('t'), '3');
    assert.match(await errorOf(redis.multi().set('t').incr('t').exec()), /EXECABORT|wrong number/);
    equal(await redis.get('t'), '3');
});

attempt('watch', async () => {
    const other = connect({ db: 3 });
    await redis.set('w', '1');
    equal(await redis.watch('w'), 'OK');
    await other.set('w', '2');
    equal(await redis.multi().set('w', 'mine').exec(), null);
    equal(await redis.get('w'), '2');
    // Two that add by reading and writing: nothing of what they add is lost.
    const add = async (client) => {
        for (let i = 0; i < 50; i++) {
            let result = null;
            while (result === null) {
                await client.watch('sum');
                const sum = Number(await client.get('sum'));
                result = await client.multi().set('sum', sum + 1).exec();
            }
        }
    };
    await Promise.all([add(redis), add(other)]);
    equal(await redis.get('sum'), '100');
    other.disconnect();
});

attempt('pub/sub', async () => {
    const subscriber = connect();
    const got = [];
    subscriber.on('message', (channel, message) => got.push([channel, message]));
    subscriber.on('pmessage', (pattern, channel, message) => got.push([pattern, channel, message]));
    equal(await subscriber.subscribe('c1', 'c2'), 2);
    equal(await subscriber.psubscribe('c[12]', 'none*'), 4);
    equal(await redis.publish('c1', 'hello'), 2);
    equal(await redis.publish('other', 'lost'), 0);
    await until(() => got.length === 2);
    equal(got, [['c1', 'hello'], ['c[12]', 'c1', 'hello']]);
    equal((await redis.pubsub('CHANNELS')).sort(), ['c1', 'c2']);
    equal(await redis.pubsub('NUMSUB', 'c1', 'none'), ['c1', 1, 'none', 0]);
    equal(await redis.pubsub('NUMPAT'), 2);
    assert.match(await errorOf(subscriber.get('k')), /subscriber mode|only \(P\|S\)SUBSCRIBE/);
    equal(await subscriber.unsubscribe('c1'), 3);
    equal(await redis.publish('c1', 'by pattern'), 1);
    await until(() => got.length === 3);
    got.length = 0;
    for (let i = 0; i < 2000; i++) redis.publish('c2', `${i}`);
    await until(() => got.length === 4000);
    equal(got.filter((m) => m.length === 2).map((m) => m[1]), Array.from({ length: 2000 }, (_, i) => `${i}`));
    const whole = connect();
    const binary = new Promise((resolve) => whole.on('messageBuffer', (channel, message) => resolve(message)));
    await whole.subscribe('bin');
    equal(await redis.publish('bin', bytes), 1);
    assert((await binary).equals(bytes));
    subscriber.disconnect();
    whole.disconnect();
});

attempt('sharded pub/sub', async () => {
    const subscriber = connect();
    const got = new Promise((resolve) => subscriber.on('smessage', (channel, message) => resolve([channel, message])));
    equal(await subscriber.ssubscribe('s1'), 1);
    equal(await redis.spublish('s1', 'hi'), 1);
    equal(await got, ['s1', 'hi']);
    equal(await redis.pubsub('SHARDNUMSUB', 's1'), ['s1', 1]);
    subscriber.disconnect();
});

attempt('keyspace notifications', async () => {
    equal(await redis.config('SET', 'notify-keyspace-events', 'KEA'), 'OK');
    const subscriber = connect();
    const got = [];
    subscriber.on('message', (channel, message) => got.push(`${channel} ${message}`));
    subscriber.on('pmessage', (pattern, channel, message) => got.push(`${channel} ${message}`));
    await subscriber.psubscribe('__keyspace@3__:note*');
    await subscriber.subscribe('__keyevent@3__:expired');
    await redis.set('note', 'v', 'PX', 20);
    await until(() => got.length === 4);
    equal(got.slice(0, 2), ['__keyspace@3__:note set', '__keyspace@3__:note expire']);
    equal(got.slice(2).sort(), ['__keyevent@3__:expired note', '__keyspace@3__:note expired']);
    equal(await redis.config('SET', 'notify-keyspace-events', ''), 'OK');
    subscriber.disconnect();
});

attempt('monitor', async () => {
    const watcher = connect({ db: 3 });
    const monitor = await watcher.monitor();
    const got = new Promise((resolve) => monitor.on('monitor', (time, args, source, database) => resolve([args, database])));
    await redis.set('seen', 'by all');
    const [args, database] = await got;
    equal([args[0].toLowerCase(), ...args.slice(1), database], ['set', 'seen', 'by all', '3']);
    monitor.disconnect();
    watcher.disconnect();
});

attempt('binary safety', async () => {
    equal(await redis.set(bytes, bytes), 'OK');
    assert((await redis.getBuffer(bytes)).equals(bytes));
    equal(await redis.hset('hb', bytes, bytes), 1);
    assert((await redis.hgetallBuffer('hb'))[bytes.toString()] !== undefined);
    equal(await redis.set('long', 'x'.repeat(3000000)), 'OK');
    equal((await redis.get('long')).length, 3000000);
    equal(await redis.set('', 'empty'), 'OK');
    equal(await redis.get(''), 'empty');
});

attempt('errors', async () => {
    await redis.set('str', 'v');
    assert.match(await errorOf(redis.lpush('str', 'x')), /^WRONGTYPE Operation against a key holding the wrong kind of value$/);
    assert.match(await errorOf(redis.call('NOSUCH', 'a')), /^ERR unknown command 'NOSUCH', with args beginning with: 'a' ?$/);
    assert.match(await errorOf(redis.call('GET')), /^ERR wrong number of arguments for 'get' command$/);
    assert.match(await errorOf(redis.incr('str')), /^ERR value is not an integer or out of range$/);
    assert.match(await errorOf(redis.move('str', 999)), /^ERR DB index is out of range$/);
});

attempt('commands of a generic client', async () => {
    const commands = await redis.command();
    assert(commands.length > 200);
    equal(await redis.command('GETKEYS', 'MSET', 'a', '1', 'b', '2'), ['a', 'b']);
    equal((await redis.command('INFO', 'get'))[0].slice(0, 6), ['get', 2, ['readonly', 'fast'], 1, 1, 1]);
    equal((await redis.config('GET', 'maxmemory'))[0], 'maxmemory');
    equal(typeof (await redis.dbsize()), 'number');
    equal((await redis.time()).length, 2);
    equal(await redis.object('ENCODING', 'str'), 'embstr');
});

attempt('reconnect', async () => {
    const subscriber = connect();
    await subscriber.subscribe('again');
    const got = new Promise((resolve) => subscriber.on('message', (channel, message) => resolve([channel, message])));
    await restart();
    // What is sent while the connection is lost waits for the next one; database and name are set there again.
    equal(await redis.set('after', 'v'), 'OK');
    equal(await redis.client('GETNAME'), 'scenario');
    assert((await redis.client('INFO')).includes(' db=3 '));
    await until(async () => (await redis.publish('again', 'here')) === 1);
    equal(await got, ['again', 'here']);
    subscriber.disconnect();
});

play(begin, async () => {
    equal(await redis.quit(), 'OK');
    await sleep(1);
});

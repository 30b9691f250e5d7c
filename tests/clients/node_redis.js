// node-redis, with the protocol of the first argument (2 or 3): objects made of replies, a socket that connects anew by itself.
'use strict';
const redis = require('redis');
const { port, equal, assert, attempt, play, bytes, until, errorOf, restart } = require('./scenario');

const RESP = Number(process.argv[2]);
const PUSHES_TO_ANY = RESP === 3; // a connection that subscribes may do everything else too
// A pool hands out connections for what must not be shared: WATCH, and calls that block.
const connect = async (options) => {
    const c = redis.createClient({ socket: { host: '127.0.0.1', port, reconnectStrategy: 50 }, RESP, unstableResp3: true, ...options });
    c.on('error', () => {});
    return c.connect();
};
const binary = { [redis.RESP_TYPES.BLOB_STRING]: Buffer };
// The messages of the first stream that was read. With RESP3 the client leaves them as the server sends them.
const messages = (read) => {
    if (Array.isArray(read)) return read[0].messages.map((m) => [m.id, { ...m.message }]);
    return Object.values(read)[0].map(([id, [field, value]]) => [id, { [field]: value }]);
};
let client;

async function begin() {
    client = await connect({ database: 3, name: 'scenario' });
    equal(await client.ping(), 'PONG');
    equal(await client.clientGetName(), 'scenario');
    const own = (await client.clientList()).find((c) => c.name === 'scenario');
    equal([own.db, own.resp, own.id === (await client.clientId())], [3, RESP, true]);
    equal(own.flags, 'N');
    assert.match(await client.info('server'), /^redis_version:\d+\.\d+\.\d+\r$/m);
    const hello = await client.hello();
    equal([hello.server, hello.proto, hello.mode, hello.role], ['redis', RESP, 'standalone', 'master']);
}

attempt('strings', async () => {
    equal(await client.set('s', 'one'), 'OK');
    equal(await client.get('s'), 'one');
    equal(await client.get('none'), null);
    equal(await client.set('s', 'two', { expiration: { type: 'EX', value: 100 }, condition: 'NX' }), null);
    equal(await client.set('s', 'two', { expiration: { type: 'EX', value: 100 }, GET: true }), 'one');
    equal(await client.append('s', '!'), 4);
    equal(await client.incrBy('n', 5), 5);
    equal(await client.incrByFloat('n', 0.5), '5.5');
    equal(await client.mSet({ a: '1', b: '2' }), 'OK');
    equal(await client.mGet(['a', 'none', 'b']), ['1', null, '2']);
    equal(await client.setBit('bits', 7, 1), 0);
    equal(await client.bitCount('bits'), 1);
    equal(await client.getDel('s'), 'two!');
    equal(await client.pfCount('none'), 0);
    equal(await client.lcsLen('a', 'b'), 0);
});

attempt('hashes', async () => {
    equal(await client.hSet('h', { f: 'v', g: '2' }), 2);
    equal({ ...(await client.hGetAll('h')) }, { f: 'v', g: '2' });
    equal(await client.hIncrBy('h', 'g', 3), 5);
    equal(await client.hmGet('h', ['f', 'x']), ['v', null]);
    equal(await client.hExists('h', 'f'), 1);
    equal(await client.hRandFieldCountWithValues('none', 2), []);
    equal(await client.hDel('h', ['f', 'x']), 1);
});

attempt('lists', async () => {
    equal(await client.rPush('l', ['a', 'b', 'c']), 3);
    equal(await client.lRange('l', 0, -1), ['a', 'b', 'c']);
    equal(await client.lPos('l', 'c'), 2);
    equal(await client.lMove('l', 'm', 'LEFT', 'RIGHT'), 'a');
    equal(await client.lmPop(['none', 'l'], 'LEFT', { COUNT: 2 }), ['l', ['b', 'c']]);
});

attempt('sets', async () => {
    equal(await client.sAdd('set', ['a', 'b', 'c']), 3);
    equal([...(await client.sMembers('set'))].sort(), ['a', 'b', 'c']);
    equal(await client.smIsMember('set', ['a', 'z']), [1, 0]);
    equal(await client.sAdd('other', ['b', 'c', 'd']), 3);
    equal([...(await client.sInter(['set', 'other']))].sort(), ['b', 'c']);
});

attempt('sorted sets', async () => {
    equal(await client.zAdd('z', [{ score: 1, value: 'a' }, { score: 2.5, value: 'b' }, { score: -Infinity, value: 'c' }]), 3);
    equal(await client.zRangeWithScores('z', 0, -1),
        [{ value: 'c', score: -Infinity }, { value: 'a', score: 1 }, { value: 'b', score: 2.5 }]);
    equal(await client.zScore('z', 'b'), 2.5);
    equal(await client.zScore('z', 'none'), null);
    equal(await client.zIncrBy('z', 2, 'a'), 3);
    equal(await client.zmScore('z', ['a', 'none']), [3, null]);
    equal({ ...(await client.zPopMin('z')) }, { value: 'c', score: -Infinity });
    equal(await client.zRandMemberCountWithScores('none', 2), []);
    equal(await client.geoAdd('geo', [{ member: 'Palermo', longitude: 13.361389, latitude: 38.115556 }]), 1);
    const at = await client.geoPos('geo', ['Palermo', 'none']);
    assert(Math.abs(Number(at[0].longitude) - 13.361389) < 1e-5 && at[1] === null, JSON.stringify(at));
});

attempt('streams with groups', async () => {
    equal(await client.xAdd('x', '1-1', { f: 'v' }), '1-1');
    equal(await client.xAdd('x', '1-2', { f: 'w' }), '1-2');
    equal(await client.xGroupCreate('x', 'g', '0'), 'OK');
    const read = await client.xReadGroup('g', 'me', { key: 'x', id: '>' }, { COUNT: 1 });
    equal(messages(read), [['1-1', { f: 'v' }]]);
    equal((await client.xPending('x', 'g')).pending, 1);
    equal(await client.xAck('x', 'g', '1-1'), 1);
    equal((await client.xRange('x', '-', '+')).map((e) => e.id), ['1-1', '1-2']);
    const info = await client.xInfoStream('x');
    equal([info.length, info['last-generated-id'], info.groups], [2, '1-2', 1]);
    equal((await client.xInfoGroups('x')).map((g) => [g.name, g.pending, g['entries-read'], g.lag]), [['g', 0, 1, 1]]);
    equal((await client.xAutoClaim('x', 'g', 'me', 0, '0')).nextId, '0-0');
    const waiter = await connect({ database: 3 });
    const got = waiter.xRead({ key: 'x', id: '$' }, { BLOCK: 10000 });
    await until(async () => /^blocked_clients:1\r$/m.test(await client.info('clients')));
    await client.xAdd('x', '2-0', { f: 'late' });
    equal(messages(await got), [['2-0', { f: 'late' }]]);
    waiter.destroy();
});

attempt('pipelines', async () => {
    const [set, n, wrong, got] = await Promise.allSettled([client.set('p', '1'), client.incr('p'), client.lPush('p', 'x'), client.get('p')]);
    equal([set.value, n.value, got.value], ['OK', 2, '2']);
    assert.match(wrong.reason.message, /^WRONGTYPE/);
    const many = [];
    for (let i = 0; i < 5000; i++) many.push(client.set(`many:${i}`, i.toString()));
    equal((await Promise.all(many)).every((r) => r === 'OK'), true);
    equal(await client.multi().set('p', '5').incr('p').execAsPipeline(), ['OK', 6]);
});

attempt('blocking pops', async () => {
    const waiter = await connect({ database: 3 });
    equal(await waiter.blPop('q', 0.01), null);
    const got = waiter.blPop(['none', 'q'], 0);
    await until(async () => /^blocked_clients:1\r$/m.test(await client.info('clients')));
    await client.rPush('q', 'job');
    equal({ ...(await got) }, { key: 'q', element: 'job' });
    const z = waiter.bzPopMin('zq', 0);
    await client.zAdd('zq', { score: 7, value: 'm' });
    equal({ ...(await z) }, { key: 'zq', value: 'm', score: 7 });
    waiter.destroy();
});

attempt('scan', async () => {
    const seen = new Set();
    for await (const keys of client.scanIterator({ MATCH: 'many:*', COUNT: 300 })) keys.forEach((k) => seen.add(k));
    equal(seen.size, 5000);
    const fields = {};
    for (let i = 0; i < 1000; i++) fields[`f${i}`] = `v${i}`;
    await client.hSet('big', fields);
    const back = {};
    for await (const entries of client.hScanIterator('big')) for (const { field, value } of entries) back[field] = value;
    equal(back, fields);
    for (let i = 0; i < 1000; i++) await client.zAdd('zbig', { score: i, value: `m${i}` });
    let sum = 0;
    for await (const entries of client.zScanIterator('zbig')) for (const { score } of entries) sum += score;
    equal(sum, 499500);
    equal(await client.unlink([...seen]), 5000);
});

attempt('expiry', async () => {
    await client.set('e', 'v', { expiration: { type: 'PX', value: 30 } });
    assert((await client.pTTL('e')) <= 30);
    await until(async () => (await client.get('e')) === null);
    await client.set('e', 'v');
    equal(await client.expire('e', 100, 'NX'), 1);
    equal(await client.ttl('e'), 100);
    equal(await client.persist('e'), 1);
    equal(await client.ttl('none'), -2);
});

attempt('multi', async () => {
    await client.set('t', '1');
    equal(await client.multi().incr('t').get('t').zAdd('tz', { score: 1, value: 'a' }).zScore('tz', 'a').exec(), [2, '2', 1, 1]);
    const e = await client.multi().incr('t').hSet('t', 'f', 'v').exec().catch((error) => error);
    equal(e.constructor.name, 'MultiErrorReply');
    assert.match(e.replies[1].message, /^WRONGTYPE/);
    equal(await client.get('t'), '3');
    assert.match(await errorOf(client.multi().incr('t').addCommand(['NOSUCH']).exec()), /EXECABORT|unknown command/);
    equal(await client.get('t'), '3');
});

attempt('watch', async () => {
    const other = await connect({ database: 3 });
    await client.set('w', '1');
    equal(await other.watch('w'), 'OK');
    await client.set('w', '2');
    assert((await other.multi().set('w', 'mine').exec().catch((e) => e)) instanceof redis.WatchError);
    equal(await client.get('w'), '2');
    const add = async (c) => {
        for (let i = 0; i < 50; ) {
            await c.watch('sum');
            const sum = Number(await c.get('sum'));
            try {
                await c.multi().set('sum', `${sum + 1}`).exec();
                i++;
            } catch (e) {
                assert(e instanceof redis.WatchError, String(e));
            }
        }
    };
    await Promise.all([add(client), add(other)]);
    equal(await client.get('sum'), '100');
    other.destroy();
});

attempt('pub/sub', async () => {
    const subscriber = await connect({ database: 3 });
    const got = [];
    await subscriber.subscribe(['c1', 'c2'], (message, channel) => got.push([channel, message]));
    await subscriber.pSubscribe('c[12]', (message, channel) => got.push(['c[12]', channel, message]));
    equal(await client.publish('c1', 'hello'), 2);
    equal(await client.publish('other', 'lost'), 0);
    await until(() => got.length === 2);
    equal(got, [['c1', 'hello'], ['c[12]', 'c1', 'hello']]);
    equal((await client.pubSubChannels()).sort(), ['c1', 'c2']);
    equal({ ...(await client.pubSubNumSub(['c1', 'none'])) }, { c1: 1, none: 0 });
    equal(await client.pubSubNumPat(), 1);
    assert.match(await subscriber.ping(), /^pong$/i);
    if (PUSHES_TO_ANY) equal(await subscriber.incr('by subscriber'), 1);
    await subscriber.unsubscribe('c1');
    equal(await client.publish('c1', 'by pattern'), 1);
    got.length = 0;
    for (let i = 0; i < 2000; i++) client.publish('c2', `${i}`);
    await until(() => got.filter((m) => m[0] === 'c2').length === 2000);
    equal(got.filter((m) => m[0] === 'c2').map((m) => m[1]), Array.from({ length: 2000 }, (_, i) => `${i}`));
    const whole = new Promise((resolve) => subscriber.subscribe('bin', resolve, true).then(() => client.publish('bin', bytes)));
    assert((await whole).equals(bytes));
    const sharded = new Promise((resolve) => subscriber.sSubscribe('s1', resolve).then(() => client.sPublish('s1', 'hi')));
    equal(await sharded, 'hi');
    await subscriber.unsubscribe(['c2', 'bin']);
    await subscriber.pUnsubscribe('c[12]');
    await subscriber.sUnsubscribe('s1');
    equal(await subscriber.incr('free again'), 1);
    subscriber.destroy();
});

attempt('keyspace notifications', async () => {
    equal(await client.configSet('notify-keyspace-events', 'KEA'), 'OK');
    const subscriber = await connect({ database: 3 });
    const got = [];
    await subscriber.pSubscribe('__keyspace@3__:note*', (message, channel) => got.push(message));
    await client.set('note', 'v', { expiration: { type: 'PX', value: 20 } });
    await until(() => got.length === 3);
    equal(got, ['set', 'expire', 'expired']);
    await client.configSet('notify-keyspace-events', '');
    subscriber.destroy();
});

attempt('binary safety', async () => {
    const raw = client.withTypeMapping(binary);
    equal(await client.set(bytes, bytes), 'OK');
    assert((await raw.get(bytes)).equals(bytes));
    equal(await client.hSet('hb', bytes, bytes), 1);
    assert((await raw.hGet('hb', bytes)).equals(bytes));
    equal(await client.set('long', 'x'.repeat(3000000)), 'OK');
    equal((await client.get('long')).length, 3000000);
    equal(await client.set('', 'empty'), 'OK');
    equal(await client.get(''), 'empty');
});

attempt('errors', async () => {
    await client.set('str', 'v');
    assert.match(await errorOf(client.lPush('str', 'x')), /^WRONGTYPE Operation against a key holding the wrong kind of value$/);
    assert.match(await errorOf(client.sendCommand(['NOSUCH', 'a'])), /^ERR unknown command 'NOSUCH', with args beginning with: 'a' ?$/);
    assert.match(await errorOf(client.sendCommand(['GET'])), /^ERR wrong number of arguments for 'get' command$/);
    assert.match(await errorOf(client.incr('str')), /^ERR value is not an integer or out of range$/);
    assert.match(await errorOf(client.sendCommand(['SELECT', '999'])), /^ERR DB index is out of range$/);
    equal(await client.get('str'), 'v');
});

attempt('what a tool asks', async () => {
    const commands = await client.command();
    const get = commands.find((c) => c.name === 'get');
    equal([get.arity, [...get.flags].sort(), get.firstKeyIndex, get.lastKeyIndex, get.step], [2, ['fast', 'readonly'], 1, 1, 1]);
    equal(await client.commandCount(), commands.length);
    equal(await client.commandGetKeys(['MSET', 'a', '1', 'b', '2']), ['a', 'b']);
    equal({ ...(await client.configGet('databases')) }, { databases: '16' });
    equal(await client.objectEncoding('str'), 'embstr');
    equal((await client.role()).role, 'master');
    assert((await client.memoryUsage('str')) > 0);
    equal((await client.clientInfo()).name, 'scenario');
    equal(await client.wait(0, 10), 0);
    assert(Number.isInteger(Number(await client.lastSave())));
});

attempt('reconnect', async () => {
    const subscriber = await connect();
    const got = [];
    await subscriber.subscribe('again', (message) => got.push(message));
    await restart();
    equal(await client.set('after', 'v'), 'OK');
    equal(await client.clientGetName(), 'scenario');
    equal((await client.clientInfo()).db, 3);
    await until(async () => (await client.publish('again', 'here')) === 1);
    await until(() => got.length === 1);
    subscriber.destroy();
});

play(begin, async () => {
    equal(await client.quit(), 'OK');
});

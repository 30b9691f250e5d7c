// connect-redis: sessions of a web server. Several visitors of an Express application, each with a cookie, by HTTP.
'use strict';
const http = require('node:http');
const express = require('express');
const session = require('express-session');
const redis = require('redis');
const { RedisStore } = require('connect-redis');
const { port, equal, assert, attempt, play, until, restart } = require('./scenario');

let client, store, server;

function application() {
    const app = express();
    app.use(session({ store, secret: 'of the scenario', resave: false, saveUninitialized: false, cookie: { maxAge: 60000 } }));
    app.get('/', (request, response) => {
        request.session.views = (request.session.views || 0) + 1;
        request.session.text = request.query.text || request.session.text;
        response.json({ id: request.sessionID, views: request.session.views, text: request.session.text });
    });
    app.get('/login', (request, response) => request.session.regenerate(() => {
        request.session.user = 'someone';
        response.json({ id: request.sessionID });
    }));
    app.get('/who', (request, response) => response.json({ user: request.session.user || null }));
    app.get('/logout', (request, response) => request.session.destroy(() => response.json({})));
    return app;
}

class Visitor {
    get(path) {
        return new Promise((resolve, reject) => {
            const headers = this.cookie ? { cookie: this.cookie } : {};
            http.get({ host: '127.0.0.1', port: server.address().port, path, headers }, (response) => {
                const cookies = response.headers['set-cookie'];
                if (cookies) this.cookie = cookies[0].split(';')[0];
                let text = '';
                response.on('data', (part) => (text += part));
                response.on('end', () => (response.statusCode === 200 ? resolve(JSON.parse(text)) : reject(new Error(text))));
            }).on('error', reject);
        });
    }
}

// The store's calls have callbacks or promises; here promises.
const stored = () => store.length();

async function begin() {
    client = redis.createClient({ socket: { host: '127.0.0.1', port, reconnectStrategy: 50 } });
    client.on('error', () => {});
    await client.connect();
    store = new RedisStore({ client, prefix: 'web:' });
    server = application().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
}

attempt('a session is kept', async () => {
    const a = new Visitor();
    equal((await a.get('/')).views, 1);
    equal((await a.get('/?text=%C3%A4%00%F0%9F%98%80')).views, 2);
    const last = await a.get('/');
    equal([last.views, last.text], [3, 'ä\0😀']);
    const saved = JSON.parse(await client.get(`web:${last.id}`));
    equal(saved.views, 3);
    const ttl = await client.ttl(`web:${last.id}`);
    assert(ttl > 50 && ttl <= 60, `${ttl}`);
});

attempt('many visitors', async () => {
    const before = await stored();
    const visitors = Array.from({ length: 200 }, () => new Visitor());
    for (let round = 1; round <= 3; round++) {
        equal((await Promise.all(visitors.map((v) => v.get('/')))).every((r) => r.views === round), true);
    }
    equal(await stored(), before + 200);
    equal((await store.ids()).length, before + 200);
    equal((await store.all()).filter((s) => s.views === 3).length >= 200, true);
});

attempt('log in and out', async () => {
    const a = new Visitor();
    const first = (await a.get('/')).id;
    const second = (await a.get('/login')).id;
    assert(first !== second);
    equal(await client.exists(`web:${first}`), 0);
    equal((await a.get('/who')).user, 'someone');
    await a.get('/logout');
    equal(await client.exists(`web:${second}`), 0);
    equal((await a.get('/who')).user, null);
});

attempt('a session expires', async () => {
    const a = new Visitor();
    const { id } = await a.get('/');
    equal(await client.pExpire(`web:${id}`, 20), 1);
    await until(async () => (await client.exists(`web:${id}`)) === 0);
    const next = await a.get('/');
    equal(next.views, 1);
});

attempt('touch', async () => {
    const a = new Visitor();
    const { id } = await a.get('/');
    await client.expire(`web:${id}`, 10);
    await a.get('/who');
    assert((await client.ttl(`web:${id}`)) > 50);
});

attempt('clear', async () => {
    await client.set('not a session', 'stays');
    await store.clear();
    equal(await stored(), 0);
    equal(await client.get('not a session'), 'stays');
});

attempt('reconnect', async () => {
    const a = new Visitor();
    equal((await a.get('/')).views, 1);
    await restart();
    equal((await a.get('/')).views, 1); // the server keeps nothing over a restart
    equal((await a.get('/')).views, 2);
});

play(begin, async () => {
    server.closeAllConnections();
    server.close();
    await client.close();
});

// What the scenarios of Node.js share: named tries, one after the other, each of which passes or says why not; and the restart of
// the server, which run.py does for them.
'use strict';
const assert = require('node:assert/strict');

const TRY_MS = 15000;
const tries = [];

exports.port = Number(process.argv[process.argv.length - 1]);
exports.equal = (got, wanted, what) => assert.deepStrictEqual(got, wanted, what);
exports.assert = assert;
exports.sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
exports.attempt = (name, body) => tries.push([name, body]);

// All bytes there are: many of them are no UTF-8.
exports.bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i).concat([13, 10, 0, 255]));

// Waits until a condition holds; a try that waits for ever is ended by its time limit.
exports.until = async (condition) => {
    while (!(await condition())) await exports.sleep(5);
};

// The error that a promise is rejected with, as text.
exports.errorOf = async (promise) => {
    try {
        await promise;
    } catch (e) {
        return e.message;
    }
    throw new Error('no error');
};

exports.restart = () =>
    new Promise((resolve) => {
        process.stdin.resume();
        process.stdin.once('data', () => {
            process.stdin.pause();
            resolve();
        });
        console.log('restart');
    });

// Plays all tries; `end` closes what is open. A try that is not done in time fails, and the next ones go on.
exports.play = async (begin, end) => {
    let failed = 0;
    const limit = (promise) => {
        let timer;
        const late = new Promise((_, reject) => {
            timer = setTimeout(() => reject(new Error(`not done after ${TRY_MS} ms`)), TRY_MS);
        });
        return Promise.race([promise, late]).finally(() => clearTimeout(timer));
    };
    for (const [name, body] of [['connect', begin], ...tries, ['close', end]]) {
        try {
            await limit(body());
            console.log(`ok ${name}`);
        } catch (e) {
            failed++;
            console.log(`not ok ${name}: ${String(e && e.stack ? e.stack : e).replace(/\s*\n\s*/g, ' / ').slice(0, 600)}`);
        }
    }
    console.log('done');
    process.exit(failed ? 1 : 0);
};

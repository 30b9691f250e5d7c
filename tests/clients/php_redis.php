<?php
// phpredis, the extension. Subscribers and calls that wait block here, so that each has a helper, another process of this program.

$port = (int)end($argv);
$bytes = implode('', array_map('chr', range(0, 255))) . "\r\n\0\xff";
const PATIENCE_S = 15.0;

function connect(string $name = 'other'): Redis {
    global $port;
    $r = new Redis();
    // The fifth argument is the time between attempts to connect again, in ms.
    $r->connect('127.0.0.1', $port, PATIENCE_S, null, 50, PATIENCE_S);
    $r->select(3);
    $r->client('SETNAME', $name);
    return $r;
}

function equal($got, $wanted): void {
    if ($got !== $wanted) {
        throw new Exception('got ' . substr(var_export($got, true), 0, 300) . ', wanted ' . substr(var_export($wanted, true), 0, 300));
    }
}

function sorted(array $a): array {
    sort($a);
    return $a;
}

function until(callable $condition): void {
    for ($end = microtime(true) + PATIENCE_S; !$condition(); usleep(2000)) {
        if (microtime(true) > $end) throw new Exception('never');
    }
}

// Another process of this file, which does what its first argument says.
function helper(string $what) {
    global $port;
    return popen('exec php ' . escapeshellarg(__FILE__) . " helper $what $port", 'r');
}

if (($argv[1] ?? '') === 'helper') {
    $r = connect('helper');
    if ($argv[2] === 'push') {
        until(fn() => $r->info('clients')['blocked_clients'] == 1);
        $r->rPush('q', 'job');
    } else if ($argv[2] === 'subscribe') {
        $r->subscribe(['c1', 'c2'], function ($s, $channel, $message) {
            if ($message === 'end') return $s->close();
            echo "$channel ", bin2hex($message), "\n";
        });
    } else if ($argv[2] === 'psubscribe') {
        $r->psubscribe(['c[12]', 'news.*'], function ($s, $pattern, $channel, $message) {
            if ($message === 'end') return $s->close();
            echo "$pattern $channel $message\n";
        });
    }
    exit(0);
}

$r = connect('scenario');
$tries = [
    'hello' => function () use ($r) {
        equal($r->ping(), true);
        equal($r->client('GETNAME'), 'scenario');
        $own = array_values(array_filter($r->client('LIST'), fn($c) => $c['name'] === 'scenario'));
        equal([count($own), (int)$own[0]['db']], [1, 3]);
        $info = $r->info();
        foreach (['redis_version', 'used_memory', 'connected_clients', 'role'] as $field) {
            if (!isset($info[$field])) throw new Exception("no $field in INFO");
        }
        equal($r->echo('x'), 'x');
        equal($r->config('GET', 'databases'), ['databases' => '16']);
        equal($r->getDbNum(), 3);
    },
    'strings' => function () use ($r) {
        equal($r->set('s', 'one'), true);
        equal([$r->get('s'), $r->get('none')], ['one', false]);
        equal($r->set('s', 'two', ['nx', 'ex' => 10]), false);
        equal($r->set('s', 'two', ['xx', 'px' => 100000]), true);
        equal($r->append('s', '!'), 4);
        equal([$r->incrBy('n', 5), $r->incrByFloat('n', 0.5)], [5, 5.5]);
        equal($r->mSet(['a' => '1', 'b' => '2']), true);
        equal($r->mGet(['a', 'none', 'b']), ['1', false, '2']);
        equal([$r->strlen('s'), $r->getRange('s', 0, 1), $r->getSet('s', 'x')], [4, 'tw', 'two!']);
        equal([$r->setBit('bits', 7, true), $r->bitCount('bits')], [0, 1]);
        equal([$r->exists('a', 'b', 'none'), $r->type('a')], [2, Redis::REDIS_STRING]);
        equal([$r->pfAdd('hll', ['a', 'b']), $r->pfCount('hll')], [1, 2]);
        $packed = connect();
        $packed->setOption(Redis::OPT_SERIALIZER, Redis::SERIALIZER_PHP);
        $packed->setOption(Redis::OPT_PREFIX, 'my:');
        equal($packed->set('object', ['list' => [1, 2.5, null]]), true);
        equal($packed->get('object'), ['list' => [1, 2.5, null]]);
        equal($r->exists('my:object'), 1);
    },
    'hashes' => function () use ($r) {
        equal($r->hMSet('h', ['f' => 'v', 'g' => 2]), true);
        equal($r->hGetAll('h'), ['f' => 'v', 'g' => '2']);
        equal($r->hSet('h', 'f', 'w'), 0);
        equal($r->hMGet('h', ['f', 'x']), ['f' => 'w', 'x' => false]);
        equal([$r->hIncrBy('h', 'g', 3), $r->hExists('h', 'x'), $r->hLen('h'), $r->hDel('h', 'f')], [5, false, 2, 1]);
    },
    'lists' => function () use ($r) {
        equal($r->rPush('l', 'a', 'b', 'c'), 3);
        equal($r->lRange('l', 0, -1), ['a', 'b', 'c']);
        equal([$r->lPop('l'), $r->rPop('l'), $r->lLen('l'), $r->lIndex('l', 0), $r->lIndex('l', 5)], ['a', 'c', 1, 'b', false]);
    },
    'sets' => function () use ($r) {
        equal($r->sAdd('set', 'a', 'b', 'c'), 3);
        equal(sorted($r->sMembers('set')), ['a', 'b', 'c']);
        $r->sAdd('other', 'b', 'c', 'd');
        equal(sorted($r->sInter('set', 'other')), ['b', 'c']);
        equal([$r->sIsMember('set', 'z'), $r->sRem('set', 'a'), $r->sCard('set')], [false, 1, 2]);
    },
    'sorted sets' => function () use ($r) {
        equal($r->zAdd('z', 1, 'a', 2.5, 'b', 3, 'c'), 3);
        equal($r->zRange('z', 0, -1, true), ['a' => 1.0, 'b' => 2.5, 'c' => 3.0]);
        equal($r->zIncrBy('z', 9, 'a'), 10.0);
        equal($r->zRangeByScore('z', '(2.5', '+inf', ['limit' => [0, 1]]), ['c']);
        equal([$r->zScore('z', 'none'), $r->zRank('z', 'a')], [false, 2]);
        equal($r->zPopMin('z'), ['b' => 2.5]);
        equal($r->geoAdd('geo', 13.361389, 38.115556, 'Palermo', 15.087269, 37.502669, 'Catania'), 2);
        equal(round($r->geoDist('geo', 'Palermo', 'Catania', 'km'), 4), 166.2742);
    },
    'streams with groups' => function () use ($r) {
        equal($r->xAdd('x', '1-1', ['f' => 'v']), '1-1');
        equal($r->xAdd('x', '1-2', ['f' => 'w']), '1-2');
        equal($r->xGroup('CREATE', 'x', 'g', '0'), true);
        equal($r->xReadGroup('g', 'me', ['x' => '>'], 1), ['x' => ['1-1' => ['f' => 'v']]]);
        equal($r->xPending('x', 'g'), [1, '1-1', '1-1', [['me', '1']]]);
        equal([$r->xAck('x', 'g', ['1-1']), $r->xLen('x')], [1, 2]);
        equal($r->xRange('x', '-', '+'), ['1-1' => ['f' => 'v'], '1-2' => ['f' => 'w']]);
        equal($r->xInfo('STREAM', 'x')['last-generated-id'], '1-2');
    },
    'pipelines' => function () use ($r) {
        equal($r->pipeline()->set('p', '1')->incr('p')->lPush('p', 'x')->get('p')->exec(), [true, 2, false, '2']);
        $many = $r->pipeline();
        for ($i = 0; $i < 5000; $i++) $many->set("many:$i", "$i");
        equal(array_unique($many->exec()), [true]);
    },
    'blocking pops' => function () use ($r) {
        $push = helper('push');
        equal($r->blPop(['none', 'q'], 10), ['q', 'job']);
        pclose($push);
        $r->rPush('q', 'a', 'b');
        equal($r->bRPop('q', 5), ['q', 'b']);
        equal($r->bRPopLPush('q', 'r', 5), 'a');
        $r->zAdd('zq', 7, 'm');
        equal($r->bzPopMin('zq', 5), ['zq', 'm', '7']);
    },
    'scan' => function () use ($r) {
        $r->setOption(Redis::OPT_SCAN, Redis::SCAN_RETRY);
        $seen = [];
        for ($cursor = null; $keys = $r->scan($cursor, 'many:*', 300);) $seen += array_flip($keys);
        equal(count($seen), 5000);
        for ($i = 0; $i < 1000; $i++) $fields["f$i"] = "v$i";
        $r->hMSet('big', $fields);
        $back = [];
        for ($cursor = null; $part = $r->hScan('big', $cursor);) $back += $part;
        ksort($back);
        ksort($fields);
        equal($back, $fields);
        equal($r->unlink(array_keys($seen)), 5000);
    },
    'expiry' => function () use ($r) {
        $r->psetex('e', 30, 'v');
        until(fn() => $r->get('e') === false);
        $r->setex('e', 100, 'v');
        equal([$r->ttl('e'), $r->persist('e'), $r->ttl('e'), $r->ttl('none')], [100, true, -1, -2]);
        equal([$r->expire('e', 100), $r->pttl('e') > 90000], [true, true]);
    },
    'multi' => function () use ($r) {
        $r->set('t', '1');
        equal($r->multi()->incr('t')->get('t')->hSet('t', 'f', 'v')->exec(), [2, '2', false]);
        $r->multi();
        $r->incr('t');
        equal($r->discard(), true);
        equal($r->get('t'), '2');
    },
    'watch' => function () use ($r) {
        $other = connect();
        $r->watch('w');
        $other->set('w', 'theirs');
        equal($r->multi()->set('w', 'mine')->exec(), false);
        equal($r->get('w'), 'theirs');
        for ($i = $tries = 0; $i < 50; $tries++) {
            $r->watch('sum');
            $sum = (int)$r->get('sum');
            if ($tries % 2 === 0) $other->incr('sum');
            if ($r->multi()->set('sum', $sum + 1)->exec() !== false) $i++;
        }
        equal([$tries, $r->get('sum')], [100, '100']);
        $r->watch('sum');
        $other->incr('sum');
        equal($r->unwatch(), true);
        equal($r->multi()->get('sum')->exec(), ['101']);
    },
    'pub/sub' => function () use ($r, $bytes) {
        $subscriber = helper('subscribe');
        until(fn() => $r->publish('c2', 'first') === 1);
        equal($r->publish('other', 'lost'), 0);
        $numbers = range(1, 500);
        foreach ($numbers as $i) $r->publish('c1', "$i");
        $r->publish('c2', $bytes);
        $r->publish('c2', 'end');
        $wanted = array_merge(['first'], array_map('strval', $numbers), [$bytes]);
        equal(array_map(fn($line) => hex2bin(explode(' ', rtrim($line))[1]), explode("\n", rtrim(stream_get_contents($subscriber)))), $wanted);
        pclose($subscriber);
        until(fn() => $r->pubsub('numsub', ['c1']) == ['c1' => 0]);
        equal($r->pubsub('channels'), []);
    },
    'pub/sub by pattern' => function () use ($r) {
        $subscriber = helper('psubscribe');
        until(fn() => $r->pubsub('numpat') === 2);
        equal([$r->publish('c1', 'a'), $r->publish('c3', 'b'), $r->publish('news.sport', 'goal')], [1, 0, 1]);
        $r->publish('news.', 'end');
        equal(stream_get_contents($subscriber), "c[12] c1 a\nnews.* news.sport goal\n");
        pclose($subscriber);
    },
    'binary safety' => function () use ($r, $bytes) {
        equal($r->set($bytes, $bytes), true);
        equal($r->get($bytes), $bytes);
        $r->hSet('hb', $bytes, $bytes);
        equal($r->hGetAll('hb'), [$bytes => $bytes]);
        $r->set('long', str_repeat('x', 3000000));
        equal(strlen($r->get('long')), 3000000);
        equal([$r->set('', 'empty'), $r->get('')], [true, 'empty']);
    },
    'errors' => function () use ($r) {
        $r->set('str', 'v');
        foreach ([
            [['LPUSH', 'str', 'x'], 'WRONGTYPE Operation against a key holding the wrong kind of value'],
            [['NOSUCH', 'a'], "ERR unknown command 'NOSUCH', with args beginning with: 'a'"],
            [['GET'], "ERR wrong number of arguments for 'get' command"],
            [['INCR', 'str'], 'ERR value is not an integer or out of range'],
        ] as [$command, $wanted]) {
            $r->clearLastError();
            equal($r->rawCommand(...$command), false);
            equal(rtrim($r->getLastError()), $wanted);
        }
    },
    'tools' => function () use ($r) {
        equal($r->object('encoding', 'str'), 'embstr');
        equal(count($r->time()), 2);
        equal($r->wait(0, 10), 0);
        equal($r->rawCommand('COMMAND', 'GETKEYS', 'MSET', 'a', '1', 'b', '2'), ['a', 'b']);
        equal($r->slowLog('reset'), true);
        equal($r->dump('none'), false);
        equal($r->restore('copy', 0, $r->dump('str')), true);
        equal($r->get('copy'), 'v');
    },
    'reconnect' => function () use ($r) {
        echo "restart\n";
        fgets(STDIN);
        equal($r->set('after', 'v'), true);
        // The new connection is in the same database.
        equal(array_map('intval', array_column(array_filter($r->client('LIST'), fn($c) => $c['cmd'] === 'client|list'), 'db')), [3]);
        equal($r->get('after'), 'v');
    },
];

$failed = 0;
foreach ($tries as $name => $try) {
    try {
        $try();
        echo "ok $name\n";
    } catch (Throwable $e) {
        $failed++;
        $line = array_column(array_filter($e->getTrace(), fn($t) => ($t['function'] ?? '') === 'equal'), 'line')[0] ?? $e->getLine();
        echo "not ok $name: line $line: ", str_replace("\n", ' / ', $e->getMessage()), "\n";
    }
}
echo "done\n";
exit($failed ? 1 : 0);

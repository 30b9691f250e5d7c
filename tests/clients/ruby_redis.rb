#!/usr/bin/ruby
# redis-rb: values as Ruby has them, subscribers in threads, reconnection by itself.
require 'redis'
require 'timeout'

PORT = ARGV.last.to_i
PATIENCE_S = 15
BYTES = ((0..255).to_a + [13, 10, 0, 255]).pack('C*')
TRIES = {}
$stdout.sync = true
Redis.exists_returns_integer = true if Redis.respond_to?(:exists_returns_integer=)

def connect(**options)
  Redis.new(host: '127.0.0.1', port: PORT, db: 3, timeout: PATIENCE_S, reconnect_attempts: 5, reconnect_delay: 0.05, **options)
end

def equal(got, wanted)
  raise "got #{got.inspect[0, 300]}, wanted #{wanted.inspect[0, 300]}" unless got == wanted
end

def wait_until
  Timeout.timeout(PATIENCE_S) { sleep 0.002 until yield }
end

def error_of(kind = Redis::CommandError)
  yield
  raise 'no error'
rescue kind => e
  e.message
end

def attempt(name, &body)
  TRIES[name] = body
end

R = connect(id: 'scenario')

attempt 'hello' do
  equal R.ping, 'PONG'
  equal R.client(:getname), 'scenario'
  equal R.client(:list).find { |c| c['name'] == 'scenario' }.values_at('db', 'cmd'), %w[3 client|list]
  info = R.info
  %w[redis_version used_memory connected_clients role].each { |field| info.fetch(field) }
  R.set('k', 'v')
  raise R.info(:keyspace).inspect unless R.info(:keyspace)['db3'].start_with?('keys=1,')
  equal R.config(:get, 'databases'), { 'databases' => '16' }
  equal R.echo('x'), 'x'
  equal R.dbsize, 1
  R.flushdb
end

attempt 'strings' do
  equal R.set('s', 'one'), 'OK'
  equal [R.get('s'), R.get('none')], ['one', nil]
  equal R.set('s', 'two', nx: true), false
  equal R.set('s', 'two', ex: 100, get: true), 'one'
  equal [R.append('s', '!'), R.incrby('n', 5), R.incrbyfloat('n', 0.5)], [4, 5, 5.5]
  R.mset('a', 1, 'b', 2)
  equal R.mget('a', 'none', 'b'), ['1', nil, '2']
  equal R.mapped_mget('a', 'b'), { 'a' => '1', 'b' => '2' }
  equal [R.setbit('bits', 7, 1), R.bitcount('bits'), R.getrange('s', 0, 1), R.getdel('s')], [0, 1, 'tw', 'two!']
  equal [R.pfadd('hll', %w[a b]), R.pfcount('hll')], [true, 2]
  equal [R.exists('a', 'b', 'none'), R.type('a'), R.rename('a', 'c'), R.copy('c', 'd')], [2, 'string', 'OK', true]
end

attempt 'hashes' do
  equal R.hset('h', 'f', 'v', 'g', 2), 2
  equal R.hgetall('h'), { 'f' => 'v', 'g' => '2' }
  equal [R.hincrby('h', 'g', 3), R.hmget('h', 'f', 'x'), R.hdel('h', 'f')], [5, ['v', nil], 1]
end

attempt 'lists' do
  equal R.rpush('l', %w[a b c]), 3
  equal [R.lmove('l', 'm', 'LEFT', 'RIGHT'), R.lpop('l', 2), R.lrange('m', 0, -1)], ['a', %w[b c], %w[a]]
end

attempt 'sets' do
  equal R.sadd('set', %w[a b c]), 3
  R.sadd('other', %w[b c d])
  equal [R.smembers('set').sort, R.sinter('set', 'other').sort, R.smismember('set', 'a', 'z')], [%w[a b c], %w[b c], [true, false]]
end

attempt 'sorted sets' do
  equal R.zadd('z', [[1, 'a'], [2.5, 'b'], ['-inf', 'c']]), 3
  equal R.zrange('z', 0, -1, with_scores: true), [['c', -Float::INFINITY], ['a', 1.0], ['b', 2.5]]
  equal [R.zincrby('z', 2, 'a'), R.zscore('z', 'none'), R.zrevrank('z', 'a'), R.zmscore('z', 'b')], [3.0, nil, 0, [2.5]]
  equal R.zrangebyscore('z', '(1', '+inf', limit: [0, 1]), ['b']
  equal R.zpopmin('z'), ['c', -Float::INFINITY]
  R.geoadd('geo', [13.361389, 38.115556, 'Palermo', 15.087269, 37.502669, 'Catania'])
  equal R.geodist('geo', 'Palermo', 'Catania', 'km'), '166.2742'
end

attempt 'streams with groups' do
  equal R.xadd('x', { 'f' => 'v' }, id: '1-1'), '1-1'
  equal R.xadd('x', { 'f' => 'w' }, id: '1-2'), '1-2'
  equal R.xgroup(:create, 'x', 'g', '0'), 'OK'
  equal R.xreadgroup('g', 'me', 'x', '>', count: 1), { 'x' => [['1-1', { 'f' => 'v' }]] }
  equal R.xpending('x', 'g'), { 'size' => 1, 'min_entry_id' => '1-1', 'max_entry_id' => '1-1', 'consumers' => { 'me' => '1' } }
  equal [R.xack('x', 'g', '1-1'), R.xlen('x'), R.xinfo(:stream, 'x')['length']], [1, 2, 2]
  reader = Thread.new { connect.xread('x', '$', block: PATIENCE_S * 900) }
  wait_until { R.info(:clients)['blocked_clients'] == '1' }
  R.xadd('x', { 'f' => 'late' }, id: '2-0')
  equal reader.value, { 'x' => [['2-0', { 'f' => 'late' }]] }
end

attempt 'pipelines' do
  equal R.pipelined { |p| p.set('p', 1); p.incr('p'); p.get('p') }, ['OK', 2, '2']
  equal error_of { R.pipelined { |p| p.lpush('p', 'x'); p.incr('p') } }[0, 9], 'WRONGTYPE'
  equal R.get('p'), '3'
  equal R.pipelined { |p| 5000.times { |i| p.set("many:#{i}", i) } }.uniq, ['OK']
end

attempt 'blocking pops' do
  waiter = Thread.new { connect.blpop('none', 'q') }
  wait_until { R.info(:clients)['blocked_clients'] == '1' }
  R.rpush('q', 'job')
  equal waiter.value, %w[q job]
  R.zadd('zq', 7, 'm')
  equal R.bzpopmin('zq', timeout: 5), ['zq', 'm', 7.0]
  R.rpush('q', %w[a b])
  equal [R.brpop('q', timeout: 5), R.blmove('q', 'r', 'LEFT', 'LEFT', timeout: 5)], [%w[q b], 'a']
end

attempt 'scan' do
  equal R.scan_each(match: 'many:*', count: 300).to_a.uniq.size, 5000
  fields = (0...1000).to_h { |i| ["f#{i}", "v#{i}"] }
  R.hset('big', fields)
  equal R.hscan_each('big').to_h, fields
  R.zadd('zbig', fields.keys.each_with_index.map { |f, i| [i, f] })
  equal R.zscan_each('zbig').to_a.uniq.sum(&:last), 499500.0
  equal R.unlink(*R.scan_each(match: 'many:*').to_a.uniq), 5000
end

attempt 'expiry' do
  R.set('e', 'v', px: 30)
  wait_until { R.get('e').nil? }
  R.setex('e', 100, 'v')
  equal [R.ttl('e'), R.persist('e'), R.ttl('e'), R.ttl('none')], [100, true, -1, -2]
end

attempt 'multi' do
  R.set('t', 1)
  equal R.multi { |t| t.incr('t'); t.get('t'); t.sadd('ts', 'a') }.first(2), [2, '2']
  equal error_of { R.multi { |t| t.incr('t'); t.hset('t', 'f', 'v') } }[0, 9], 'WRONGTYPE'
  equal R.get('t'), '3'
  error_of { R.multi { |t| t.incr('t'); t.call('NOSUCH') } }
  equal R.get('t'), '3'
end

attempt 'watch' do
  other = connect
  equal R.watch('w') { other.set('w', 'theirs'); R.multi { |t| t.set('w', 'mine') } }, nil
  equal R.get('w'), 'theirs'
  add = lambda do |client|
    25.times do
      loop do
        done = client.watch('sum') do
          sum = client.get('sum').to_i
          client.multi { |t| t.set('sum', sum + 1) }
        end
        break if done
      end
    end
  end
  4.times.map { Thread.new { add.call(connect) } }.each(&:join)
  equal R.get('sum'), '100'
  R.watch('sum')
  other.incr('sum')
  equal R.unwatch, 'OK'
  equal R.multi { |t| t.get('sum') }, ['101']
end

attempt 'pub/sub' do
  got = Queue.new
  subscriber = Thread.new do
    connect.subscribe('c1', 'c2') do |on|
      on.subscribe { |channel, n| got << [:subscribed, channel, n] }
      on.message do |channel, message|
        got << [channel, message]
        Thread.current[:client] = nil
        throw :end if message == 'end'
      end
    end
  rescue UncaughtThrowError
    got << :ended
  end
  equal Timeout.timeout(PATIENCE_S) { [got.pop, got.pop] }, [[:subscribed, 'c1', 1], [:subscribed, 'c2', 2]]
  equal [R.publish('c1', 'hello'), R.publish('none', 'lost')], [1, 0]
  500.times { |i| R.publish('c2', i) }
  R.publish('c2', BYTES)
  R.publish('c1', 'end')
  subscriber.join(PATIENCE_S)
  seen = Array.new(got.size) { got.pop }
  equal seen.map { |s| s.is_a?(Array) ? s.map(&:b) : s }, [%w[c1 hello]] + (0...500).map { |i| ['c2', i.to_s] } + [['c2', BYTES], %w[c1 end], :ended]
end

attempt 'pub/sub by pattern' do
  got = Queue.new
  subscriber = Thread.new do
    connect.psubscribe('c[12]', 'n*') do |on|
      on.psubscribe { |pattern, n| got << [pattern, n] }
      on.pmessage do |pattern, channel, message|
        got << [pattern, channel, message]
        Thread.exit if message == 'end'
      end
    end
  end
  equal Timeout.timeout(PATIENCE_S) { [got.pop, got.pop] }, [['c[12]', 1], ['n*', 2]]
  equal [R.pubsub(:numpat), R.publish('c1', 'x'), R.publish('c3', 'x'), R.publish('news', 'end')], [2, 1, 0, 1]
  subscriber.join(PATIENCE_S)
  equal Array.new(got.size) { got.pop }, [['c[12]', 'c1', 'x'], ['n*', 'news', 'end']]
  equal R.pubsub(:numsub, 'c1'), ['c1', 0]
end

attempt 'binary safety' do
  R.set(BYTES, BYTES)
  equal R.get(BYTES).b, BYTES
  R.hset('hb', BYTES, BYTES)
  equal R.hgetall('hb').to_a.flatten.map(&:b), [BYTES, BYTES]
  R.set('long', 'x' * 3_000_000)
  equal R.get('long').size, 3_000_000
  equal [R.set('', 'empty'), R.get('')], %w[OK empty]
end

attempt 'errors' do
  R.set('str', 'v')
  equal error_of { R.lpush('str', 'x') }, 'WRONGTYPE Operation against a key holding the wrong kind of value'
  equal error_of { R.call('NOSUCH', 'a') }.strip, "ERR unknown command 'NOSUCH', with args beginning with: 'a'"
  equal error_of { R.call('GET') }, "ERR wrong number of arguments for 'get' command"
  equal error_of { R.incr('str') }, 'ERR value is not an integer or out of range'
  equal error_of { R.call('SELECT', '999') }, 'ERR DB index is out of range'
end

attempt 'tools' do
  equal R.object(:encoding, 'str'), 'embstr'
  equal R.command(:getkeys, 'MSET', 'a', '1', 'b', '2'), %w[a b]
  equal R.command(:info, 'get')[0].first(2), ['get', 2]
  equal R.slowlog(:reset), 'OK'
  equal R.restore('copy', 0, R.dump('str')), 'OK'
  equal R.get('copy'), 'v'
  equal R.call('ROLE')[0], 'master'
  lines = Queue.new
  watcher = Thread.new { connect.monitor { |line| lines << line } }
  equal Timeout.timeout(PATIENCE_S) { lines.pop }, 'OK'
  R.set('seen', "a\n")
  line = Timeout.timeout(PATIENCE_S) { lines.pop }
  raise line unless line =~ /\A\d+\.\d{6} \[3 127\.0\.0\.1:\d+\] "set" "seen" "a\\n"\z/
  watcher.kill
end

attempt 'reconnect' do
  puts 'restart'
  $stdin.gets
  equal R.set('after', 'v'), 'OK'
  equal R.client(:getname), 'scenario'
  equal R.client(:list).find { |c| c['name'] == 'scenario' }['db'], '3'
end

failed = 0
TRIES.each do |name, body|
  body.call
  puts "ok #{name}"
rescue Exception => e
  failed += 1
  line = e.backtrace.to_a.filter_map { |l| l[/ruby_redis\.rb:(\d+):in `block/, 1] }.first
  puts "not ok #{name}: line #{line}: #{e.class}: #{e.message.gsub("\n", ' / ')}"
end
puts 'done'
exit(failed.zero? ? 0 : 1)

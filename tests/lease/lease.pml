/*
 * The protocol of lib/engine/lease.c and of the calls that use it (lib/engine/task.c), for Spin. README.md tells how it is run.
 *
 * One process is one call after another: of a host thread, which may sleep on the lease's word, or of a shard's thread, which leaves a wait
 * record and is resumed by a message. Every step that another thread can see is one atomic step here. The model assumes what the
 * code asks of the hardware: these steps are sequentially consistent.
 *
 * Claims: two calls never hold one stripe; records taken from a wait list are touched under the lease only; a parked call gets one
 * message; a call that keeps its leases gets the one it waits for with the message, it does not race for it again; every call
 * ends (one that waits for ever is an invalid end state, calls that run for ever are a non-progress cycle); at the end nothing
 * is held or waiting.
 *
 * -DCONFIG=n chooses who takes part; the mutants (-DNO_... and others) take one thing out, and Spin must then find an error.
 */

#ifndef CONFIG
#define CONFIG 1
#endif
#ifndef HOLD_AFTER
#define HOLD_AFTER 1            /* rounds of letting go of everything, before leases are kept */
#endif
#ifndef STRIPES
#define STRIPES 2
#endif
#define CALLS 5
#define NONE 255

#define FREE 0                  /* the word */
#define HELD 1
#define HELD_SLEEPERS 2         /* held, and somebody may sleep on it */
#define CLOSED 3

#define TRY_AGAIN 1             /* messages */
#define HANDED 2
#define GONE 3

byte word[STRIPES];
chan waiting[STRIPES] = [CALLS] of { byte };    /* wait records, oldest first: any thread adds one, the holder takes all */
chan fifo[STRIPES] = [CALLS] of { byte };       /* those taken and not yet resumed: the holder's alone */
byte inbox[CALLS];              /* the message to a parked call */
bool keeps[CALLS];              /* a parked call's record: hand the lease over, it keeps those that it has */
byte asleep[CALLS];             /* 1 + the stripe on whose word a host thread sleeps */
byte holder[STRIPES];           /* ghost: 1 + the call that holds it */

#define bit(s) (1 << (s))

/* ---- lease.c ---------------------------------------------------------------------------------------------------------- */

inline lease_try(t) {
    d_step {
        if
        :: word[t] == FREE -> word[t] = HELD; assert(!holder[t]); holder[t] = me + 1; ok = true
        :: else -> ok = false
        fi
    }
}

/* A host thread: sleeps until it has the lease; ok is false if it is closed. (A load and the compare-and-swap that follows from it
 * are one step: where the word changed between the two, the code starts over.) */
inline lease_wait(t) {
    do
    :: atomic {
            old = word[t];
            if
            :: old == FREE -> word[t] = HELD_SLEEPERS; assert(!holder[t]); holder[t] = me + 1; ok = true
#ifdef FORGETS_SLEEPERS
                ; word[t] = HELD
#endif
            :: old == HELD || old == HELD_SLEEPERS -> word[t] = HELD_SLEEPERS
            :: old == CLOSED -> ok = false
            fi
        }
        if
        :: old == FREE || old == CLOSED -> break
        :: else
        fi;
#ifdef NO_FUTEX_COMPARE                         /* sleeps without a look whether the word is still as it was */
        asleep[me] = t + 1;
#else
        d_step { if :: word[t] == HELD_SLEEPERS -> asleep[me] = t + 1 :: else fi }
#endif
        asleep[me] == 0
    od;
    old = 0
}

#define wakes(c, t) asleep[c] == t + 1 -> asleep[c] = 0

/* The system wakes any one of those that sleep on the word. */
inline futex_wake(t) {
    atomic {
        if
        :: wakes(0, t)
        :: wakes(1, t)
        :: wakes(2, t)
        :: wakes(3, t)
        :: wakes(4, t)
        :: else
        fi
    }
}

inline tell(how) { d_step { assert(!inbox[other]); inbox[other] = how; other = NONE } }

/* Lets go of a stripe and resumes the oldest call that waits there; one that keeps other leases is given this one with it. */
inline lease_release(t) {
    do
    :: atomic {
            assert(holder[t] == me + 1);
            if
            :: empty(fifo[t]) ->
                do
                :: nempty(waiting[t]) -> waiting[t]?other; fifo[t]!other
                :: empty(waiting[t]) -> break
                od
            :: nempty(fifo[t])
            fi;
            other = NONE;
            if
            :: nempty(fifo[t]) -> fifo[t]?other
            :: empty(fifo[t])
            fi
#ifdef LOOKS_TOO_EARLY                          /* looks for late records before it lets go, not after */
            ; seen = nempty(waiting[t])
#endif
        }
        if
#ifndef NO_HANDOVER
        :: other != NONE && keeps[other] ->
            d_step {
                holder[t] = other + 1;
#ifdef HANDS_OVER_AND_FREES
                word[t] = FREE;
#endif
                assert(!inbox[other]); inbox[other] = HANDED; other = NONE
            }
            break
#endif
        :: else
        fi;
        d_step { old = word[t]; word[t] = FREE; holder[t] = 0 }
        if
#ifndef NO_FUTEX_WAKE
        :: old == HELD_SLEEPERS -> futex_wake(t)
#endif
        :: else
        fi;
        old = 0;
        if
        :: other != NONE -> tell(TRY_AGAIN); break              /* it has the baton now */
        :: else
        fi;
#if defined(NO_LOOK_AFTER_RELEASE)
        break;
#elif defined(LOOKS_TOO_EARLY)
        if
        :: seen
        :: else -> break
        fi;
#else
        if
        :: nempty(waiting[t])
        :: empty(waiting[t]) -> break
        fi;
#endif
        lease_try(t);
        if
        :: ok -> ok = false
        :: else -> break                        /* whoever holds it now will look */
        fi
    od
}

inline wake_all_gone(list) {
    do
    :: atomic { nempty(list) -> list?other; assert(!inbox[other]); inbox[other] = GONE; other = NONE }
    :: empty(list) -> break
    od
}

inline lease_look(t) {
    lease_try(t);
    if
    :: ok -> ok = false; lease_release(t)
#ifndef NO_LOOK_AT_CLOSED
    :: !ok && word[t] == CLOSED -> wake_all_gone(waiting[t])
#endif
    :: else
    fi
}

/* The holder's. Which of its two lists it empties first is seen by nobody. */
inline lease_close(t) {
    d_step { assert(holder[t] == me + 1); word[t] = CLOSED; holder[t] = 0 }
    do
    :: atomic { asleep[0] == t + 1 || asleep[1] == t + 1 || asleep[2] == t + 1 || asleep[3] == t + 1 -> futex_wake(t) }
    :: else -> break
    od;
    wake_all_gone(fifo[t]);
#ifndef NO_RECORDS_AT_CLOSE
    wake_all_gone(waiting[t])
#endif
}

/* ---- a call ------------------------------------------------------------------------------------------------------------- */

/* What follows after all leases are let go. */
#define THEN_WAIT 0
#define THEN_TRY 1
#define THEN_END 2

proctype call(byte me; bool host; byte need; byte times) {
    byte held, s, r, tries, old, then, at = NONE, owed = NONE, other = NONE;
    bool ok, baton, keep;
#ifdef LOOKS_TOO_EARLY
    bool seen;
#endif

try:
    s = 0;
    do
    :: s == STRIPES -> break
    :: s < STRIPES && (!(need & bit(s)) || (held & bit(s))) -> s++
    :: else ->
        lease_try(s);
        if
        :: ok -> d_step { ok = false; held = held | bit(s); s++ }
        :: else -> break
        fi
    od;
    if
    :: s == STRIPES -> goto execute
    :: else
    fi;
    d_step {                                    /* stripe s is busy */
        if
        :: tries <= HOLD_AFTER -> tries++
        :: else
        fi;
        keep = tries > HOLD_AFTER
    }
    if
    :: !keep && held -> then = THEN_WAIT; goto let_go
    :: else
    fi;
wait:
    if
    :: host ->
        lease_wait(s);
        if
        :: !ok -> then = THEN_END; goto let_go
        :: else -> ok = false
        fi;
        held = held | bit(s);
        if
#ifndef OUT_OF_ORDER                            /* it may then wait for a lower stripe while it holds a higher one */
        :: !keep && (need & (bit(s) - 1)) -> then = THEN_TRY; goto let_go
#endif
        :: else -> goto try
        fi
    :: else
    fi;
    d_step {
        if
        :: baton && at != s -> owed = at
        :: else -> owed = NONE
        fi;
        baton = false; at = s; keeps[me] = keep
#ifdef HANDS_TO_HOLDERS_ONLY
        ; keeps[me] = held != 0
#endif
    }
#ifdef LOOKS_BEFORE_PUSH
    lease_look(s);
    waiting[s]!me;
#else
    waiting[s]!me;
#ifndef NO_LOOK_AFTER_PUSH
    lease_look(s);
#endif
#endif
#ifndef NO_BATON
    if
    :: owed != NONE -> lease_look(owed); owed = NONE
    :: else
    fi;
#endif
    inbox[me] != 0;                             /* parked */
    d_step {
        then = THEN_TRY;
        if
        :: inbox[me] == HANDED -> assert(holder[at] == me + 1); held = held | bit(at)
        #ifdef HANDS_TO_HOLDERS_ONLY
        :: inbox[me] == TRY_AGAIN -> assert(!held); baton = true
#else
        :: inbox[me] == TRY_AGAIN -> assert(!keep); baton = true
#endif
        :: inbox[me] == GONE -> then = THEN_END
        fi;
        inbox[me] = 0; keeps[me] = false; owed = NONE
    }
    if
    :: then == THEN_END -> goto let_go
    :: else -> then = 0; goto try
    fi;

execute:
    skip;
    d_step {
        s = 0;
        do
        :: s < STRIPES -> assert(!(need & bit(s)) || holder[s] == me + 1); s++
        :: else -> break
        od;
        s = 0; baton = false; at = NONE; then = THEN_END
    }

let_go:
    r = 0;
    do
    :: r == STRIPES -> break
    :: r < STRIPES && (held & bit(r)) -> held = held & (255 - bit(r)); lease_release(r); r++
    :: else -> r++
    od;
    r = 0;
    if
    :: then == THEN_WAIT -> goto wait
    :: then == THEN_TRY -> then = 0; goto try
    :: else
    fi;
    d_step { then = 0; tries = 0; keep = false; times-- }
    if
    :: times -> goto try
    :: else
    fi
}

/* Closes everything, one stripe after the other, while calls are in flight. */
proctype closer(byte me) {
    byte s, old, other = NONE;
    bool ok;
    do
    :: s < STRIPES -> lease_wait(s); assert(ok); ok = false; lease_close(s); s++
    :: else -> break
    od
}

/* A shard's inbox: who puts something in wakes the shard's thread if that sleeps or is about to. */
byte inbox_count, inbox_event;
bool inbox_asleep;

proctype sender() {
    bool wake;
    inbox_count++;
#ifndef NO_INBOX_WAKE
    if
    :: inbox_asleep ->
        d_step { wake = inbox_asleep; inbox_asleep = false }
        if
        :: wake -> inbox_event = 1
        :: else
        fi
    :: else
    fi
#endif
}

proctype receiver(byte expected) {
    byte got;
    do
    :: d_step { got = got + inbox_count; inbox_count = 0 }
        if
        :: got == expected -> break
        :: else
        fi;
#ifdef NO_LOOK_BEFORE_SLEEP
        inbox_asleep = true;
#else
        inbox_asleep = true;
        if
        :: inbox_count -> inbox_asleep = false
        :: else ->
#endif
            d_step { inbox_event -> inbox_event = 0 }
            inbox_asleep = false
#ifndef NO_LOOK_BEFORE_SLEEP
        fi
#endif
    od
}

/* ---- who takes part ------------------------------------------------------------------------------------------------------ */

#define HOST true
#define SHARD false

init {
    byte i;
    atomic {
#if CONFIG == 1     /* one stripe: shards that park and hosts that sleep */
        run call(0, SHARD, 1, 2); run call(1, HOST, 1, 2); run call(2, HOST, 1, 1);
#elif CONFIG == 2   /* calls over both stripes: two of shards, one of a host */
        run call(0, SHARD, 3, 1); run call(1, SHARD, 3, 1); run call(2, HOST, 3, 1);
#elif CONFIG == 3   /* shards alone */
        run call(0, SHARD, 3, 1); run call(1, SHARD, 3, 1); run call(2, SHARD, 2, 1);
#elif CONFIG == 4   /* one call over both stripes, and others on each */
        run call(0, SHARD, 3, 2); run call(1, SHARD, 2, 1); run call(2, HOST, 1, 1);
#elif CONFIG == 5   /* three stripes, overlapping */
        run call(0, SHARD, 7, 1); run call(1, SHARD, 6, 1); run call(2, HOST, 5, 1);
#elif CONFIG == 6   /* three hosts on one stripe, sleeping */
        run call(0, HOST, 1, 2); run call(1, HOST, 1, 2); run call(2, HOST, 1, 2);
#elif CONFIG == 7   /* hosts over both stripes, and a shard between them */
        run call(0, HOST, 3, 1); run call(1, HOST, 3, 1); run call(2, SHARD, 1, 2);
#elif CONFIG == 8   /* everything is closed while calls are in flight */
        run call(0, SHARD, 3, 1); run call(1, HOST, 3, 1); run closer(3);
#elif CONFIG == 9   /* the inbox of a shard */
        run receiver(3); run sender(); run sender(); run sender();
#elif CONFIG == 10  /* the long form: two calls over both stripes, and one for each of them */
        run call(0, SHARD, 3, 1); run call(1, SHARD, 3, 1); run call(2, HOST, 1, 1); run call(3, HOST, 2, 1);
#elif CONFIG == 11  /* hosts and shards on both stripes */
        run call(0, HOST, 3, 1); run call(1, HOST, 3, 1); run call(2, HOST, 2, 1); run call(3, SHARD, 1, 1);
#elif CONFIG == 12  /* closing, with calls over both */
        run call(0, SHARD, 3, 1); run call(1, SHARD, 2, 1); run call(2, HOST, 3, 1); run closer(3);
#elif CONFIG == 13  /* one stripe: two shards, two hosts */
        run call(0, SHARD, 1, 1); run call(1, SHARD, 1, 1); run call(2, HOST, 1, 1); run call(3, HOST, 1, 1);
#endif
    }
    _nr_pr == 1;
    d_step {
        do
        :: i < STRIPES -> assert((word[i] == FREE || word[i] == CLOSED) && !holder[i] && empty(waiting[i]) && empty(fifo[i])); i++
        :: else -> break
        od
    }
}

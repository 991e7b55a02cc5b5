// SPDX-License-Identifier: MIT
/* The built-in mixes, in the format anybody can write. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gpuvm/base/bits.h"
#include "scheduler/simulator/mix.h"

static const struct mix_builtin builtin[] = {
	/*
	 * The lengths stand in the ratio that the published shares under FIFO give, 14.6 : 86.3,
	 * when the two take turns.  The mean time between two kernels is what makes BAND leave
	 * the engine idle for the published tenth (39 + 51 of 100).
	 */
	{ "gdev", "LUD (short kernels) for 200 s; heart wall (long ones) from 30 s on",
	  "time 200s\nwindow 1s\n"
	  "guest lud loop size=uniform(1.2ms,1.8ms) think=exp(330us)\n"
	  "guest hw loop size=uniform(7ms,11ms) think=exp(330us) start=30s\n" },
	{ "equal2", "two alike", "time 60s\nguest a,b loop size=uniform(1ms,2ms) think=100us\n" },
	{ "weights13", "weights 1:3, always backlogged",
	  "time 60s\n"
	  "guest a loop size=uniform(500us,1500us) depth=4 weight=100\n"
	  "guest b loop size=uniform(500us,1500us) depth=4 weight=300\n" },
	{ "weights19", "weights 1:9, always backlogged, unlike lengths",
	  "time 60s\n"
	  "guest a loop size=uniform(500us,1500us) depth=4 weight=100\n"
	  "guest b loop size=uniform(1ms,5ms) depth=4 weight=900\n" },
	{ "cap30", "a hog capped at 30 % beside one that is mostly idle",
	  "time 60s\n"
	  "guest hog loop size=uniform(1ms,5ms) depth=4 cap=30\n"
	  "guest idler periodic size=1ms period=exp(20ms)\n" },
	{ "latency", "a 1 ms periodic job of the latency class against two hogs",
	  "time 60s\n"
	  "guest rt periodic size=100us period=1ms latency=1ms budget=30\n"
	  "guest hog1,hog2 loop size=uniform(500us,1ms) depth=8\n" },
	{ "mixed", "short, long, bursty and heavy-tailed together, always backlogged",
	  "time 60s\n"
	  "guest short loop size=exp(200us) depth=8\n"
	  "guest long loop size=uniform(5ms,10ms) depth=2\n"
	  "guest bursty periodic size=uniform(200us,2ms) period=exp(40ms) units=16 weight=512\n"
	  "guest heavy loop size=pareto(100us,1.5,10ms) depth=4 weight=128\n" },
	{ "overlap", "kernels of two guests and copies of a third on their own engines",
	  "time 30s\n"
	  "guest k1 loop size=uniform(1ms,2ms) depth=2\n"
	  "guest k2 loop size=uniform(4ms,8ms) depth=2\n"
	  "guest c1,c2 loop size=uniform(300us,600us) depth=2 engine=1\n" },
	{ "crowd64", "64 guests, Poisson arrivals, 90 % load",
	  "time 60s\nguest g*64 periodic size=exp(1ms) period=exp(71ms)\n" },
	{ "crowd1000", "1,000 guests, Poisson arrivals, 90 % load",
	  "time 10min\nwindow 10s\nguest g*1000 periodic size=exp(1ms) period=exp(1.11s)\n" },
	{ "endless", "one guest floods, one yields, one honest",
	  "time 60s\n"
	  "guest flood loop size=50us depth=64\n"
	  "guest yielder loop size=900us think=50us\n"
	  "guest honest loop size=uniform(1ms,3ms) depth=2\n" },
};

const struct mix_builtin *mix_builtin_at(unsigned int i)
{
	return i < ARRAY_SIZE(builtin) ? &builtin[i] : NULL;
}

/*
 * Latencies in logarithmic buckets with 128 linear steps each: bounded memory however long a run
 * is, and no reported quantile is off by more than 0.4 %.
 */
#ifndef COMPARE_HISTOGRAM_H
#define COMPARE_HISTOGRAM_H

#include <stdint.h>

enum { STEP_BITS = 7, STEPS = 1 << STEP_BITS, BUCKETS = (64 - STEP_BITS) * STEPS };

struct histogram {
  uint64_t total, counts[BUCKETS];
};

static inline void histogram_add(struct histogram *histogram, uint64_t value) {
  int shift = value < STEPS ? 0 : 63 - __builtin_clzll(value) - STEP_BITS;
  histogram->counts[(uint64_t)shift * STEPS + (value >> shift)]++;
  histogram->total++;
}

/* The value at quantile `q` (0 to 1), in the middle of its bucket. */
static inline double histogram_quantile(const struct histogram *histogram, double q) {
  uint64_t seen = 0, wanted = (uint64_t)(q * (double)histogram->total);
  for (int i = 0; i < BUCKETS; i++) {
    seen += histogram->counts[i];
    if (seen <= wanted) continue;
    int shift = i < 2 * STEPS ? 0 : i / STEPS - 1;
    double width = (double)(1ull << shift);
    return (double)(i - shift * STEPS) * width + (width - 1) / 2;
  }
  return 0;
}

#endif

package dev.tornadomoe.plan;

import java.util.Locale;

/// How activations enter the products with quantised expert weights. Routers are always exact.
public enum Precision {
  /// F32 activations, F32 sums.
  EXACT,

  /// Activations rounded to 8 bits, with a scale for each run of at most 32, where weights have 4
  /// bits: what llama.cpp does by default. The rms of the error is at most 1e-2 of the result's
  /// rms. That is no bound for a single element: one that is a sum of large terms is off by more
  /// (by up to 2.1e-2 of the rms in our golden files). A product of an expert's matrix is off by at
  /// most the sum, over its runs, of the magnitudes of the activations times those of the weights,
  /// divided by 8156. Weights that are not quantised gain nothing by it and are computed as in
  /// [#EXACT]. Not every backend has it; one that does not refuses the plan.
  FAST;

  /// As the command line has it: `exact` or `fast`.
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}

package dev.tornadomoe.tornado.graph;

import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/// The rows of down, where it sums the pairs of each token.
///
/// @param activated `[pairs, I]`
/// @param factors of the pairs
/// @param addends of the sum
/// @param target `[M, H]`, what it writes
record DownRows(FloatArray activated, Factors factors, Addends addends, FloatArray target) {}

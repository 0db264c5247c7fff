package dev.tornadomoe.tornado.graph;

import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Pairs sorted by expert and cut into blocks.
///
/// @param table of the blocks
/// @param order of the pairs
/// @param most blocks that a grid has room for
record PairBlocks(IntArray table, IntArray order, int most) {}

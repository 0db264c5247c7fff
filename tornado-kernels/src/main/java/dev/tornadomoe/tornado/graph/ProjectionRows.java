package dev.tornadomoe.tornado.graph;

import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/// The rows of a projection by experts.
///
/// @param input of each token, or of each pair
/// @param factors of the pairs
/// @param output of each pair
record ProjectionRows(FloatArray input, Factors factors, FloatArray output) {}

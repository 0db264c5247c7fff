package dev.tornadomoe.modular;

/// The layer's arithmetic: products with its weight matrices, and the sums of their results by
/// router weights. Each backend on the host computes these its own way and shares all others.
public sealed interface WeightOperation extends Operation
    permits DenseOperation, ExpertOperation, OffloadOperation, ReduceOperation {}

package dev.tornadomoe.backend.cpu;

/// What a kernel needs for multiplying, known from a weight's format alone.
///
/// @param form in which it wants the activations
/// @param workSize elements of work space
record KernelNeeds(RowForm form, int workSize) {}

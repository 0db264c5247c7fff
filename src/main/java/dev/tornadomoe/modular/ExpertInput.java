package dev.tornadomoe.modular;

import org.jspecify.annotations.Nullable;

/// What prepare hands to the experts.
///
/// @param rows hidden states, in the activation format
/// @param ids for each row its experts `[M, k]`, I32, by the router's numbers; -1 for none, which
///   contributes zero
/// @param weights the router's weights `[M, k]`, or null where they went on the rows and must not
///   be applied again
public record ExpertInput(Operand rows, Operand ids, @Nullable Operand weights) {}

package dev.tornadomoe.layer.family;

/// Shared experts of the routed ones' size, for which the router has rows behind theirs: every
/// token gets them, weighed together with those that it chooses (Inkling).
///
/// @param count how many
/// @param storage how they are stored
public record WeighedShared(int count, ExpertStorage.Fused storage) {}

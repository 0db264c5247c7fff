package dev.tornadomoe.modular;

/// Some of a layer's experts, where they are on several sides: on the host and on a device.
///
/// @param name of the side, `host` or `device`
/// @param experts how many are there
/// @param weightBytes of their weights, as the model's files have them
/// @param share of all pairs that is expected to be theirs, from 0 to 1
public record ExpertSide(String name, int experts, long weightBytes, double share) {}

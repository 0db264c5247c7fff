package dev.tornadomoe.modular;

/// What travels between processes in one call of a layer, in one of the ways in which its ends
/// could do it: the bytes that all processes send together, where every choice of experts is as
/// likely.
///
/// @param way its name, for people
/// @param used whether the ends do it this way
/// @param dispatchBytes from tokens to experts
/// @param combineBytes from experts back to tokens
public record Travel(String way, boolean used, long dispatchBytes, long combineBytes) {}

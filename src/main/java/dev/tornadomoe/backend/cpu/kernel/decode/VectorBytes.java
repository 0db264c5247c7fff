package dev.tornadomoe.backend.cpu.kernel.decode;

import dev.tornadomoe.backend.cpu.kernel.Species;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.VectorSpecies;

/// Vectors of bytes that are widened to [Species#INT]: as many as that has lanes, but at least
/// eight, since there are no shorter ones.
final class VectorBytes {
  static final VectorSpecies<Byte> BYTES =
      Species.LANES == 16 ? ByteVector.SPECIES_128 : ByteVector.SPECIES_64;

  /// Vectors of ints that one of bytes becomes.
  static final int PARTS = BYTES.length() / Species.LANES;

  private VectorBytes() {}
}

package dev.tornadomoe.backend.cpu.kernel;

import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/// The vectors that the kernels use: as wide as the machine's, or as wide as
/// `-Dtornadomoe.cpu.vectorBits` says (128, 256 or 512), so that one machine can test all widths.
/// Constants in a class of their own: only of constants does the compiler make registers, and
/// nobody may touch this class before it is known that the Vector API is there.
public final class Species {
  /// Names the system property.
  public static final String BITS_PROPERTY = "tornadomoe.cpu.vectorBits";

  private static final int BITS =
      Math.min(
          512, Integer.getInteger(BITS_PROPERTY, FloatVector.SPECIES_PREFERRED.vectorBitSize()));

  public static final VectorSpecies<Float> FLOAT =
      FloatVector.SPECIES_PREFERRED.withShape(VectorShape.forBitSize(BITS));
  public static final VectorSpecies<Integer> INT = FLOAT.withLanes(int.class);

  /// As many lanes of 16 bits as FLOAT has of 32.
  public static final VectorSpecies<Short> HALF =
      ShortVector.SPECIES_PREFERRED.withShape(VectorShape.forBitSize(BITS / 2));

  /// Twice as many lanes of 16 bits as FLOAT has of 32.
  public static final VectorSpecies<Short> SHORT = FLOAT.withLanes(short.class);

  public static final int LANES = FLOAT.length();

  /// Rows of a block of 4-bit weights: two vectors side by side, each with 16 bits for a row.
  public static final int INT4_BLOCK_ROWS = 2 * SHORT.length();

  /// Weights in files and in our blocks are little-endian.
  public static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

  private Species() {}
}

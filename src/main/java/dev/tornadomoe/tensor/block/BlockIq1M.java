package dev.tornadomoe.tensor.block;

import dev.tornadomoe.tensor.Coding;
import java.lang.foreign.MemorySegment;

/// IQ1_M, 256 columns in 56 bytes: 8 lower bits of a code for each 8 columns, 4 bits for each with
/// the code's 3 upper bits below a sign, and four shorts with four scales of 3 bits each, one for
/// each 16 columns. The upper 4 bits of the shorts are an F16 d, the first one's the lowest. Value
/// = d * (2 * scale + 1) * (level + 1/8 with that sign), levels being IQ1_S's; q is 8 times the sum
/// in brackets.
record BlockIq1M() implements CodebookFormat {
  private static final Coding CODING = new Coding("IQ1_M", Blocks.SUPER, 56, true);

  /// Where the shorts are.
  private static final int SCALES = 48;

  @Override
  public Coding coding() {
    return CODING;
  }

  @Override
  public Codebook codebook() {
    return Codebook.IQ1_S;
  }

  @Override
  public int code(MemorySegment data, long at, int number) {
    return Blocks.unsignedByte(data, at + number) | (high(data, at, number) & 7) << 8;
  }

  @Override
  public float addend(MemorySegment data, long at, int number) {
    return (high(data, at, number) & 8) == 0 ? 1 : -1;
  }

  private static int high(MemorySegment data, long at, int number) {
    return Blocks.nibble(data, at + 32, number);
  }

  @Override
  public int groupSize() {
    return 16;
  }

  @Override
  public float scale(MemorySegment data, long at, int group) {
    int scales = Blocks.unsignedShort(data, at + SCALES + group / 4 * 2L);
    int odd = 2 * (scales >>> (group % 4 * 3) & 7) + 1;
    return Float.float16ToFloat(d(data, at)) * odd * 0.125f;
  }

  @Override
  public float factor() {
    return 8;
  }

  private static short d(MemorySegment data, long at) {
    int d = 0;
    for (int i = 0; i < 4; i++) {
      d |= Blocks.unsignedShort(data, at + SCALES + i * 2L) >>> 12 << (4 * i);
    }
    return (short) d;
  }

  @Override
  public boolean isSound(MemorySegment data, long at) {
    return Blocks.isFinite(d(data, at));
  }
}

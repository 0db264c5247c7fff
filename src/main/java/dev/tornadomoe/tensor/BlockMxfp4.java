package dev.tornadomoe.tensor;

import java.lang.foreign.MemorySegment;

/// MXFP4 as ggml stores it, 32 columns in 17 bytes: an exponent (E8M0), then nibbles (E2M1) as in
/// Q4_0.
record BlockMxfp4() implements BlockFormat {
  private static final Coding CODING = new Coding("MXFP4", 32, 17, true);

  @Override
  public DType scales() {
    return DType.F8_E8M0;
  }

  @Override
  public Coding coding() {
    return CODING;
  }

  @Override
  public void decode(MemorySegment data, long at, float[] target, int to) {
    float scale = Float8E8M0.toFloat((byte) Blocks.signedByte(data, at));
    for (int i = 0; i < 16; i++) {
      int pair = Blocks.unsignedByte(data, at + 1 + i);
      target[to + i] = Float4E2M1.toFloat(pair) * scale;
      target[to + i + 16] = Float4E2M1.toFloat(pair >>> 4) * scale;
    }
  }

  @Override
  public boolean isSound(MemorySegment data, long at) {
    return Blocks.unsignedByte(data, at) != 255;
  }
}

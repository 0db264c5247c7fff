package dev.tornadomoe.tensor.block;

import dev.tornadomoe.tensor.BlockFormat;
import dev.tornadomoe.tensor.Coding;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Float4E2M1;
import dev.tornadomoe.tensor.Float8E8M0;
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
  public void decode(
      MemorySegment data, long at, int group, float scale, float offset, float[] target, int to) {
    for (int i = 0; i < 16; i++) {
      int pair = Blocks.unsignedByte(data, at + 1 + i);
      target[to + i] = scale * Float4E2M1.toFloat(pair);
      target[to + i + 16] = scale * Float4E2M1.toFloat(pair >>> 4);
    }
  }

  @Override
  public float scale(MemorySegment data, long at, int group) {
    return Float8E8M0.toFloat((byte) Blocks.signedByte(data, at));
  }

  @Override
  public boolean isSound(MemorySegment data, long at) {
    return Blocks.unsignedByte(data, at) != 255;
  }
}

package com.example;

import com.github.tjake.jlama.model.DistributedContext;
import com.github.tjake.jlama.model.mixtral.MixtralConfig;
import com.github.tjake.jlama.safetensors.DType;
import com.github.tjake.jlama.safetensors.TensorInfo;
import com.github.tjake.jlama.safetensors.WeightLoader;
import com.github.tjake.jlama.tensor.AbstractTensor;
import com.github.tjake.jlama.tensor.BFloat16BufferTensor;
import com.github.tjake.jlama.tensor.FloatBufferTensor;
import com.github.tjake.jlama.tensor.Q4ByteBufferTensor;
import com.github.tjake.jlama.tensor.TensorShape;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;

/// Tensors of random numbers of an MoE layer in one of Jlama's types, for tests and measurements.
@SuppressWarnings("rawtypes") // Jlama's tensors
public class MadeUpWeights implements WeightLoader {
  private static final int BLOCK = Q4ByteBufferTensor.BLOCK_SIZE;

  private final MixtralConfig config;
  private final DType type;
  private final SplittableRandom random = new SplittableRandom(7);
  private final Map<String, AbstractTensor> tensors = new HashMap<>();

  /// @param config with the sizes
  /// @param type F32, BF16 or Q4; routers are F32, or BF16 with experts of BF16
  public MadeUpWeights(MixtralConfig config, DType type) {
    this.config = config;
    this.type = type;
  }

  @Override
  public AbstractTensor load(
      String name, DistributedContext context, boolean sparseRows, boolean sparseColumns) {
    return tensors.computeIfAbsent(name, this::make);
  }

  private AbstractTensor make(String name) {
    int hidden = config.embeddingLength;
    if (name.endsWith("w2.weight")) {
      return make(type, hidden, config.hiddenLength);
    }
    if (name.endsWith("gate.weight")) {
      return make(type == DType.Q4 ? DType.F32 : type, config.numberOfExperts, hidden);
    }
    return make(type, config.hiddenLength, hidden);
  }

  private AbstractTensor make(DType made, int rows, int columns) {
    TensorShape shape = TensorShape.of(rows, columns);
    return switch (made) {
      case F32 -> floats(shape, (float) Math.sqrt(3.0 / columns));
      case BF16 -> {
        AbstractTensor tensor = new BFloat16BufferTensor(shape);
        MemorySegment bits = tensor.getMemorySegment();
        for (long i = 0; i < shape.size(); i++) {
          int value = Float.floatToRawIntBits(uniform((float) Math.sqrt(3.0 / columns)));
          bits.setAtIndex(ValueLayout.JAVA_SHORT, i, (short) (value >>> 16));
        }
        yield tensor;
      }
      case Q4 -> {
        byte[] nibbles = new byte[rows * columns / 2];
        for (int i = 0; i < nibbles.length; i++) {
          nibbles[i] = (byte) random.nextInt();
        }
        ByteBuffer memory =
            ByteBuffer.allocateDirect(nibbles.length).order(ByteOrder.LITTLE_ENDIAN);
        memory.put(0, nibbles);
        FloatBufferTensor scales =
            floats(TensorShape.of(rows, columns / BLOCK), 1 / (4 * (float) Math.sqrt(columns)));
        yield new Q4ByteBufferTensor("made up", memory, scales, shape, true);
      }
      default -> throw new IllegalArgumentException(made + ", expected F32, BF16 or Q4");
    };
  }

  private FloatBufferTensor floats(TensorShape shape, float most) {
    FloatBufferTensor tensor = new FloatBufferTensor(shape);
    MemorySegment values = tensor.getMemorySegment();
    for (long i = 0; i < shape.size(); i++) {
      values.setAtIndex(ValueLayout.JAVA_FLOAT, i, uniform(most));
    }
    return tensor;
  }

  private float uniform(float most) {
    return (random.nextInt() >> 8) * (most / (1 << 23));
  }

  @Override
  public DType getModelDType() {
    return type;
  }

  @Override
  public Map<String, String> metadata() {
    return Map.of();
  }

  @Override
  public Map<String, TensorInfo> tensorInfoMap() {
    return Map.of();
  }

  @Override
  public void close() {
    tensors.clear();
  }
}

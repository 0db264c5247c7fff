package dev.tornadomoe.checkpoint.gguf;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.file.StoredTensor;
import dev.tornadomoe.checkpoint.io.TensorStore;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// The tensors of a GGUF file or its parts. Those of plain numbers are views; those in blocks are
/// weights only ([GgufQuantization]).
public final class GgufStore implements TensorStore {
  private final String first;
  private final Map<String, GgufFile.Entry> tensors = new LinkedHashMap<>();
  private final Map<String, String> fileOf = new LinkedHashMap<>();

  /// The tensors of all parts together.
  ///
  /// @param parts of one model, the first one first
  public GgufStore(List<GgufFile> parts) {
    this.first = parts.getFirst().file().toString();
    for (GgufFile part : parts) {
      tensors.putAll(part.tensors());
      part.tensors().keySet().forEach(name -> fileOf.put(name, part.file().toString()));
    }
  }

  @Override
  public Set<String> names() {
    return tensors.keySet();
  }

  /// What the file says of a tensor, or null.
  GgufFile.@Nullable Entry entry(String name) {
    return tensors.get(name);
  }

  @Override
  public @Nullable TensorView find(String name) {
    GgufFile.Entry entry = tensors.get(name);
    if (entry == null) {
      return null;
    }
    GgmlType type = entry.type();
    DType dtype = type == null ? null : type.dtype().orElse(null);
    if (dtype == null) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: tensor \"%s\" is %s, expected plain numbers",
              fileOf(name),
              name,
              typeName(entry)));
    }
    return new TensorView(name, dtype, entry.shape(), entry.data());
  }

  /// With the expected shape.
  @Override
  public TensorView require(String name, Set<DType> types, long... shape) {
    TensorView tensor = TensorStore.super.require(name, types, shape);
    return new TensorView(name, tensor.dtype(), Shape.of(shape), tensor.data());
  }

  /// Dimensions of 1 in front don't count: every tensor of ggml has four dimensions, and its
  /// writers leave these out.
  @Override
  public boolean isShaped(Shape found, long... expected) {
    return IntStream.rangeClosed(1, Math.max(found.rank(), expected.length))
        .allMatch(i -> {
          long there = i > found.rank() ? 1 : found.dimension(found.rank() - i);
          return there == (i > expected.length ? 1 : expected[expected.length - i]);
        });
  }

  @Override
  public @Nullable StoredTensor stored(String name) {
    GgufFile.Entry entry = tensors.get(name);
    return entry == null
        ? null
        : new StoredTensor(name, typeName(entry), entry.shape(), entry.data().byteSize());
  }

  /// What messages call a tensor's type.
  static String typeName(GgufFile.Entry entry) {
    GgmlType type = entry.type();
    return type == null
        ? "of type number " + Integer.toUnsignedString(entry.number())
        : type.name();
  }

  @Override
  public String fileOf(String name) {
    return fileOf.getOrDefault(name, first);
  }
}

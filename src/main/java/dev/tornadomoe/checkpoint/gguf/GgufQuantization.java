package dev.tornadomoe.checkpoint.gguf;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.file.ExpertStack;
import dev.tornadomoe.checkpoint.io.StrictJson;
import dev.tornadomoe.checkpoint.io.TensorStore;
import dev.tornadomoe.checkpoint.quant.Quantization;
import dev.tornadomoe.tensor.BlockFormat;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.RowSelection;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.block.BlockFormats;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// The weights of a GGUF file that are in blocks: each tensor says its own type.
///
/// @param store where the types are
public record GgufQuantization(GgufStore store) implements Quantization {
  private static final String WEIGHT = ".weight";

  /// What the name of NVFP4's factors ends in instead.
  private static final String FACTORS = ".scale";

  /// {@return the types of weights that are read, by ggml's names}
  public static List<String> readTypes() {
    return Stream.of(
            Arrays.stream(GgmlType.values())
                .filter(type -> type.dtype().filter(FLOATS::contains).isPresent())
                .map(Enum::name),
            Stream.of(GgmlType.NVFP4.name()),
            BlockFormats.all().stream().map(format -> format.coding().name()))
        .flatMap(names -> names)
        .toList();
  }

  /// {@return the types in blocks that are known and not read}
  public static List<String> refusedTypes() {
    return Arrays.stream(GgmlType.values())
        .filter(type -> type.blockColumns() > 1)
        .map(Enum::name)
        .filter(name -> !readTypes().contains(name))
        .toList();
  }

  @Override
  public @Nullable Weight find(TensorStore tensors, String module, int rows, int columns) {
    String name = module + WEIGHT;
    GgufFile.Entry entry = store.entry(name);
    if (entry == null || isPlain(entry)) {
      return null;
    }
    if (entry.type() == GgmlType.NVFP4) {
      requireShape(name, entry.shape(), rows, columns);
      TensorView factor = factors(module + FACTORS, 1);
      return new Nvfp4BlockWeight(
          store.fileOf(name), name, RowSelection.all(rows), columns, entry.data(), factor, 0);
    }
    BlockFormat block = block(name, entry);
    requireShape(name, entry.shape(), rows, columns);
    return new BlockWeight(
        store.fileOf(name), name, block, RowSelection.all(rows), columns, entry.data());
  }

  @Override
  public @Nullable ExpertStack findStack(
      TensorStore tensors, String name, int experts, int outputs, int inputs, boolean transposed) {
    GgufFile.Entry entry = store.entry(name);
    if (entry == null || isPlain(entry)) {
      return null;
    }
    if (entry.type() == GgmlType.NVFP4) {
      requireShape(name, entry.shape(), experts, outputs, inputs);
      return nvfp4(name, entry, experts, inputs);
    }
    BlockFormat block = block(name, entry);
    requireShape(name, entry.shape(), experts, outputs, inputs);
    long bytes = outputs * block.coding().rowBytes(inputs);
    return (expert, rows, first, step) ->
        new BlockWeight(
            store.fileOf(name),
            name + "[" + expert + "]",
            block,
            new RowSelection(rows, first, step),
            inputs,
            entry.data().asSlice(expert * bytes, bytes));
  }

  private ExpertStack nvfp4(String name, GgufFile.Entry entry, int experts, int inputs) {
    String module =
        name.endsWith(WEIGHT) ? name.substring(0, name.length() - WEIGHT.length()) : name;
    TensorView factors = factors(module + FACTORS, experts);
    long bytes = entry.data().byteSize() / experts;
    return (expert, rows, first, step) ->
        new Nvfp4BlockWeight(
            store.fileOf(name),
            name + "[" + expert + "]",
            new RowSelection(rows, first, step),
            inputs,
            entry.data().asSlice(expert * bytes, bytes),
            factors,
            expert);
  }

  private @Nullable TensorView factors(String name, int count) {
    return store.entry(name) == null ? null : store.require(name, Set.of(DType.F32), count);
  }

  private static boolean isPlain(GgufFile.Entry entry) {
    GgmlType type = entry.type();
    return type != null && type.dtype().isPresent();
  }

  private BlockFormat block(String name, GgufFile.Entry entry) {
    GgmlType type = entry.type();
    BlockFormat block = type == null ? null : type.block().orElse(null);
    if (block == null) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: tensor \"%s\" is %s, which is not supported (supported: %s)",
              store.fileOf(name),
              name,
              GgufStore.typeName(entry),
              String.join(", ", readTypes())));
    }
    return block;
  }

  private void requireShape(String name, Shape found, long... expected) {
    if (!store.isShaped(found, expected)) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: tensor \"%s\" is %s, expected %s",
              store.fileOf(name),
              name,
              StrictJson.excerpt(found),
              Arrays.toString(expected)));
    }
  }
}

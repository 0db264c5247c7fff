package dev.tornadomoe.checkpoint.gguf;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.file.ExpertStack;
import dev.tornadomoe.checkpoint.io.StrictJson;
import dev.tornadomoe.checkpoint.io.TensorStore;
import dev.tornadomoe.checkpoint.quant.Quantization;
import dev.tornadomoe.tensor.BlockFormat;
import dev.tornadomoe.tensor.RowSelection;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.block.BlockFormats;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// The weights of a GGUF file that are in blocks: each tensor says its own type.
///
/// @param store where the types are
public record GgufQuantization(GgufStore store) implements Quantization {

  @Override
  public @Nullable Weight find(TensorStore tensors, String module, int rows, int columns) {
    String name = module + ".weight";
    GgufFile.Entry entry = store.entry(name);
    if (entry == null || isPlain(entry)) {
      return null;
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
              "%s: tensor \"%s\" is %s, which is not supported (supported: F32, F16, BF16, %s)",
              store.fileOf(name),
              name,
              GgufStore.typeName(entry),
              BlockFormats.all().stream()
                  .map(format -> format.coding().name())
                  .collect(Collectors.joining(", "))));
    }
    return block;
  }

  private void requireShape(String name, Shape found, long... expected) {
    if (!found.is(expected)) {
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

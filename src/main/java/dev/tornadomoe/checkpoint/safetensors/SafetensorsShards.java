package dev.tornadomoe.checkpoint.safetensors;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.io.FileNames;
import dev.tornadomoe.checkpoint.io.ModelFiles;
import dev.tornadomoe.checkpoint.io.StrictJson;
import dev.tornadomoe.checkpoint.io.TensorStore;
import dev.tornadomoe.tensor.TensorView;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// A checkpoint split over several safetensors files, found through `model.safetensors.index.json`.
/// A shard is opened when the first of its tensors is asked for, so one layer of a hundred files
/// opens two or three.
public final class SafetensorsShards implements TensorStore {
  private final Path index;
  private final Map<String, String> shardOf;
  private final ModelFiles files;
  private final Map<String, SafetensorsFile> opened = new HashMap<>();

  private SafetensorsShards(Path index, Map<String, String> shardOf, ModelFiles files) {
    this.index = index;
    this.shardOf = shardOf;
    this.files = files;
  }

  /// Reads an index; shards are opened when one of their tensors is asked for.
  ///
  /// @param name the index file's
  /// @param files where it is, and the shards are
  /// @return the tensors of all shards
  /// @throws CheckpointException for an index that names files outside its directory, or is no
  ///   index
  public static SafetensorsShards open(String name, ModelFiles files) {
    Path index = files.path(name);
    if (!(files.json(name).get("weight_map") instanceof Map<?, ?> weightMap)) {
      throw new CheckpointException(
          String.format(Locale.ROOT, "%s: no \"weight_map\" object", index));
    }
    Map<String, String> shardOf = LinkedHashMap.newLinkedHashMap(weightMap.size());
    weightMap.forEach(
        (tensor, file) -> shardOf.put((String) tensor, shard(index, (String) tensor, file)));
    return new SafetensorsShards(index, shardOf, files);
  }

  private static String shard(Path index, String tensor, @Nullable Object file) {
    try {
      if (file instanceof String name && isPlainFileName(name)) {
        return name;
      }
    } catch (CheckpointException e) {
      throw new CheckpointException(
          String.format(Locale.ROOT, "%s: tensor \"%s\": %s", index, tensor, e.getMessage()), e);
    }
    throw new CheckpointException(
        String.format(
            Locale.ROOT,
            "%s: tensor \"%s\" is mapped to %s, expected the name of a file beside the index",
            index,
            tensor,
            StrictJson.excerpt(file)));
  }

  /// A hostile index must not make us open files elsewhere.
  private static boolean isPlainFileName(String name) {
    if (name.isEmpty()
        || name.equals("..")
        || name.chars().anyMatch(c -> c == '/' || c == '\\' || c == 0)) {
      return false;
    }
    return FileNames.path(name).getNameCount() == 1;
  }

  @Override
  public Set<String> names() {
    return shardOf.keySet();
  }

  @Override
  public @Nullable TensorView find(String name) {
    String shard = shardOf.get(name);
    if (shard == null) {
      return null;
    }
    TensorView tensor = file(shard, name).find(name);
    if (tensor == null) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: tensor \"%s\" is not in this shard, though %s says so",
              files.path(shard),
              name,
              index));
    }
    return tensor;
  }

  private SafetensorsFile file(String shard, String tensor) {
    synchronized (opened) {
      SafetensorsFile file = opened.get(shard);
      if (file == null) {
        Path path = files.path(shard);
        if (!files.isThere(shard)) {
          throw new CheckpointException(
              String.format(
                  Locale.ROOT, "%s: shard is missing, it should hold tensor \"%s\"", path, tensor));
        }
        file = SafetensorsFile.of(path, files.bytes(shard));
        opened.put(shard, file);
      }
      return file;
    }
  }

  @Override
  public String fileOf(String name) {
    String shard = shardOf.get(name);
    return (shard == null ? index : files.path(shard)).toString();
  }
}

package dev.tornadomoe.parallel.mpi;

import dev.tornadomoe.parallel.ParallelException;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Who started this process as one of several, as its environment tells before MPI is started.
///
/// @param kind what started it
/// @param rank this process's number
/// @param size how many there are
/// @param rankOnThisHost this process's number among those that share this host, 0 where nothing
///   says it
/// @param ranksOnThisHost how many of them share this host
public record Launcher(Kind kind, int rank, int size, int rankOnThisHost, int ranksOnThisHost) {

  /// What starts ranks.
  public enum Kind {
    /// `mpirun` of Open MPI.
    OPEN_MPI("Open MPI's mpirun"),
    /// `mpirun` of MPICH (Hydra) and of those that descend from it.
    MPICH("MPICH's mpirun"),
    /// `srun`, with any MPI.
    SLURM("srun");

    private final String title;

    Kind(String title) {
      this.title = title;
    }

    /// {@return its name, for people}
    public String title() {
      return title;
    }
  }

  /// Of this process.
  ///
  /// @return null where nothing started it as one of several
  /// @throws ParallelException when the environment contradicts itself
  public static @Nullable Launcher ofThisProcess() {
    return of(System.getenv());
  }

  static @Nullable Launcher of(Map<String, String> environment) {
    Variables variables = new Variables(environment);
    if (variables.has("OMPI_COMM_WORLD_SIZE")) {
      return variables.launcher(
          Kind.OPEN_MPI,
          "OMPI_COMM_WORLD_RANK",
          "OMPI_COMM_WORLD_SIZE",
          variables.numberOr("OMPI_COMM_WORLD_LOCAL_RANK", 0),
          variables.numberOr("OMPI_COMM_WORLD_LOCAL_SIZE", 1));
    }
    // srun tells its ranks what Hydra tells them, and Hydra starts its daemons with srun.
    boolean slurm = variables.has("SLURM_STEP_NUM_TASKS") && variables.has("SLURM_PROCID");
    if (variables.has("PMI_SIZE") && (variables.has("MPI_LOCALNRANKS") || !slurm)) {
      return variables.launcher(
          Kind.MPICH,
          "PMI_RANK",
          "PMI_SIZE",
          variables.numberOr("MPI_LOCALRANKID", 0),
          variables.numberOr("MPI_LOCALNRANKS", 1));
    }
    // SLURM_NTASKS is there in a batch script too, which is no rank.
    return slurm
        ? variables.launcher(
            Kind.SLURM,
            "SLURM_PROCID",
            "SLURM_STEP_NUM_TASKS",
            variables.numberOr("SLURM_LOCALID", 0),
            variables.slurmRanksHere())
        : null;
  }

  private record Variables(Map<String, String> environment) {

    boolean has(String name) {
      return environment.containsKey(name);
    }

    Launcher launcher(
        Kind kind, String rankName, String sizeName, int rankOnThisHost, int ranksOnThisHost) {
      int rank = number(rankName);
      int size = number(sizeName);
      if (rank >= size) {
        throw new ParallelException(
            "the environment says "
                + (rankName + "=" + rank + " of " + sizeName + "=" + size)
                + ": ranks count from 0");
      }
      return new Launcher(kind, rank, size, rankOnThisHost, ranksOnThisHost);
    }

    private int numberOr(String name, int otherwise) {
      return has(name) ? number(name) : otherwise;
    }

    private int number(String name) {
      return number(name, environment.getOrDefault(name, ""));
    }

    private static int number(String name, String text) {
      try {
        return Integer.parseUnsignedInt(text);
      } catch (NumberFormatException e) {
        throw new ParallelException(
            "the environment says " + name + "=" + text + ", expected a number", e);
      }
    }

    /// `SLURM_STEP_TASKS_PER_NODE` counts the ranks of each host, `2(x3),1` being 2, 2, 2, 1.
    private int slurmRanksHere() {
      String name = "SLURM_STEP_TASKS_PER_NODE";
      int hosts = numberOr("SLURM_NODEID", 0);
      for (String part : environment.getOrDefault(name, "1").split(",", -1)) {
        int bracket = part.indexOf("(x");
        int ranks = number(name, bracket < 0 ? part : part.substring(0, bracket));
        hosts -= bracket < 0 ? 1 : number(name, part.substring(bracket + 2, part.length() - 1));
        if (hosts < 0) {
          return ranks;
        }
      }
      return 1;
    }
  }
}

package dev.tornadomoe.parallel.mpi;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

class MpichTest extends MpiContract {

  @Override
  @Nullable Mpirun mpirun() throws IOException, InterruptedException {
    return Mpirun.mpich();
  }

  @Override
  String debianPackage() {
    return "mpich";
  }

  @Override
  String otherLibrary() {
    return "libmpi.so.40";
  }
}

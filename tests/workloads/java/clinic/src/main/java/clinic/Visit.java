package clinic;

import jakarta.persistence.Entity;
import jakarta.persistence.GeneratedValue;
import jakarta.persistence.Id;
import jakarta.persistence.ManyToOne;
import java.time.LocalDate;

@Entity
public class Visit {
    @Id @GeneratedValue public Long id;
    @ManyToOne public Pet pet;
    public LocalDate visited;
    public String what;

    protected Visit() {}

    Visit(Pet pet, LocalDate visited, String what) {
        this.pet = pet;
        this.visited = visited;
        this.what = what;
    }
}

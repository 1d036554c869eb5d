package clinic;

import jakarta.persistence.CascadeType;
import jakarta.persistence.Entity;
import jakarta.persistence.GeneratedValue;
import jakarta.persistence.Id;
import jakarta.persistence.ManyToOne;
import jakarta.persistence.OneToMany;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;

@Entity
public class Pet {
    @Id @GeneratedValue public Long id;
    @ManyToOne public Owner owner;
    public String name;
    public LocalDate born;
    @OneToMany(mappedBy = "pet", cascade = CascadeType.ALL) public List<Visit> visits = new ArrayList<>();

    protected Pet() {}

    Pet(Owner owner, String name, LocalDate born) {
        this.owner = owner;
        this.name = name;
        this.born = born;
    }
}
